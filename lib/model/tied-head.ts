import { AStarPOError } from '../errors.ts';
import { withExistingFile } from './files.ts';
import { damagedFile, readExactly, type SafetensorsFile, type StoredTensor } from './safetensors.ts';

const head = 'lm_head.weight';
const embedding = 'model.embed_tokens.weight';

interface Place {
  readonly path: string;
  readonly tensor: StoredTensor;
}

/**
 * The files of a model whose head is its embedding matrix, as transformers takes them. Where only the head is stored it is the
 * embedding too. Where both are, they must be equal: transformers would leave two different ones untied, so the model is not the
 * one that config.json describes. Throws ASTARPO_CONFIG then, ASTARPO_IO when a file cannot be read.
 */
export async function withTiedHead(files: readonly SafetensorsFile[]): Promise<readonly SafetensorsFile[]> {
  const [first, second] = [placeOf(files, head), placeOf(files, embedding)];
  if (first === undefined) return files;
  if (second === undefined) return files.map((file) => (file.tensors.has(head) ? renamed(file, first.tensor) : file));
  if (await sameBytes(first, second)) return files;
  throw new AStarPOError(
    'ASTARPO_CONFIG',
    `${first.path}: expected ${head} to equal ${embedding}, since config.json says tie_word_embeddings, got another tensor`,
    { hint: 'set "tie_word_embeddings": false in config.json if the model has a head of its own (transformers leaves the two untied)' },
  );
}

function placeOf(files: readonly SafetensorsFile[], name: string): Place | undefined {
  for (const { path, tensors } of files) {
    const tensor = tensors.get(name);
    if (tensor !== undefined) return { path, tensor };
  }
  return undefined;
}

function renamed(file: SafetensorsFile, tensor: StoredTensor): SafetensorsFile {
  const others = [...file.tensors].filter(([name]) => name !== head);
  return { ...file, tensors: new Map([...others, [embedding, { ...tensor, name: embedding }]]) };
}

const pieceBytes = 8 * 2 ** 20;

async function sameBytes(a: Place, b: Place): Promise<boolean> {
  const { dtype, length } = a.tensor;
  if (dtype !== b.tensor.dtype || length !== b.tensor.length) return false;
  for (let done = 0; done < length; done += pieceBytes) {
    const size = Math.min(pieceBytes, length - done);
    const [left, right] = await Promise.all([readPiece(a, done, size), readPiece(b, done, size)]);
    if (!left.equals(right)) return false;
  }
  return true;
}

async function readPiece({ path, tensor }: Place, begin: number, size: number): Promise<Buffer> {
  const piece = await withExistingFile(path, (file) => readExactly(file, path, tensor.offset + begin, size));
  if (piece !== undefined) return piece;
  throw damagedFile(path, 'expected the file to stay while it is read, got no such file');
}
