import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ioError } from '../util/atomic-file.ts';

/**
 * The files of a Hugging Face folder that say what token ids mean and how to generate. A saved model has them byte for byte as they
 * came: what is written anew from parsed JSON would differ for readers that know more than this library does.
 */
const textFile =
  /^(generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template)\.json$|^(merges\.txt|tokenizer\.model|chat_template\.jinja)$|^additional_chat_templates\/[\w-]+\.jinja$/;

/** `path`: relative to the model's folder. */
export function isTextFile(path: string): boolean {
  return textFile.test(path);
}

/** The text files of a folder as they were when the model was loaded. Their contents stay on the disk: a tokenizer has megabytes. */
export class TextFiles {
  readonly #folder: string;
  /** Path to SHA-256. */
  readonly #hashes: ReadonlyMap<string, string>;

  private constructor(folder: string, hashes: ReadonlyMap<string, string>) {
    this.#folder = folder;
    this.#hashes = hashes;
  }

  /** Throws ASTARPO_IO. */
  static async of(folder: string): Promise<TextFiles> {
    try {
      const entries = await readdir(folder);
      const nested = entries.includes('additional_chat_templates') ? await readdir(join(folder, 'additional_chat_templates')) : [];
      const paths = [...entries, ...nested.map((name) => `additional_chat_templates/${name}`)].filter(isTextFile);
      const hashes = new Map<string, string>();
      for (const path of paths) hashes.set(path, await hashOf(join(folder, path)));
      return new TextFiles(folder, hashes);
    } catch (error) {
      throw ioError('read', folder, error);
    }
  }

  has(path: string): boolean {
    return this.#hashes.has(path);
  }

  /** Copies them into another folder; gives the paths of those that are gone or no longer what they were. Throws ASTARPO_IO. */
  async copyTo(folder: string): Promise<string[]> {
    const lost: string[] = [];
    for (const [path, hash] of this.#hashes) {
      const bytes = await readFile(join(this.#folder, path)).catch(() => undefined);
      if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') !== hash) {
        lost.push(path);
        continue;
      }
      const target = join(folder, path);
      try {
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, bytes);
      } catch (error) {
        throw ioError('write', target, error);
      }
    }
    return lost;
  }
}

/** In pieces: a tokenizer has megabytes, which would count beside the weights. */
async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
