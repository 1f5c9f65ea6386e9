import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AStarPOError } from '../../../errors.ts';
import { strandedFolder } from '../../../util/atomic-folder.ts';
import { indexName, manifestName } from './imported-catalogue.ts';
import { jsonMembers } from './json-entries.ts';
import { hasNumberedOptions, withOptionOrder } from './option-order.ts';
import { parseJson } from './parse-json.ts';
import type { RawCatalogue } from './products.ts';
import { SourceFile } from './source-file.ts';
import { fetchHint, type SourceKind, sourceKind } from './source-kinds.ts';

/** Read where a folder has several files of a kind. */
const preferred = { products: 'items_shuffle_1000.json', attributes: 'items_ins_v2_1000.json', human: 'items_human_ins.json' } as const;

/** Longest file, unpacked, in bytes: it becomes one string. */
const longestFile = 400_000_000;
const importAgain = `this is an imported catalogue without its ${manifestName}: import it again`;
const importHint = 'import the folder first (astar-po webshop import) and open the result';

/**
 * Reads a catalogue folder; `hash` is the SHA-256 over the contents of the files that were read. Errors: `ASTARPO_DATA` for a missing,
 * unreadable or broken file, `ASTARPO_IO`.
 */
export async function readCatalogue(folder: string, options: { human: boolean }): Promise<{ raw: RawCatalogue; hash: string }> {
  const hash = createHash('sha256');
  const names = await readdir(folder).catch(async (cause: NodeJS.ErrnoException) => {
    const stranded = await strandedFolder(folder);
    const hint =
      stranded === undefined
        ? `check the path; ${fetchHint}`
        : `an import was killed while it replaced the folder: rename ${stranded}, or import again`;
    const wanted = `a folder with ${preferred.products} or an imported catalogue`;
    throw new AStarPOError('ASTARPO_DATA', `expected ${wanted} at ${folder}, got ${cause.code ?? cause.message}`, { hint, cause });
  });
  const choose = (kind: SourceKind): string => join(folder, chooseName(kind, names, folder));
  const read = async (kind: SourceKind): Promise<unknown> => {
    const path = choose(kind);
    const bytes = await readSource(path);
    hash.update(`${preferred[kind]} ${bytes.length}\n`).update(bytes);
    const value = parse(bytes, path);
    return kind === 'products' ? inFileOrder(value, bytes, path) : value;
  };
  const [products, attributes] = [await read('products'), await read('attributes')];
  const paths = { products: choose('products'), attributes: choose('attributes'), human: options.human ? choose('human') : '' };
  const raw = options.human ? { products, attributes, human: await read('human'), paths } : { products, attributes, paths };
  return { raw, hash: hash.digest('hex') };
}

function chooseName(kind: SourceKind, names: readonly string[], folder: string): string {
  if (names.includes(preferred[kind])) return preferred[kind];
  const found = names.filter((name) => sourceKind(name) === kind);
  const [name] = found;
  if (name === undefined) throw missing(preferred[kind], folder, 'none', names.includes(indexName) ? importAgain : fetchHint);
  if (found.length === 1) return name;
  throw new AStarPOError('ASTARPO_DATA', `expected one file of ${kind} in ${folder}, got ${found.sort().join(' and ')}`, {
    hint: 'import the ones that you want (astar-po webshop import) and open the result',
  });
}

function missing(name: string, folder: string, got: string, hint = fetchHint): AStarPOError {
  return new AStarPOError('ASTARPO_DATA', `expected ${name} in ${folder}, got ${got}`, { hint });
}

async function readSource(path: string): Promise<Buffer> {
  const source = await SourceFile.open(path);
  if (source.packing === 'zip') throw new AStarPOError('ASTARPO_DATA', `expected JSON at ${path}, got a zip archive`, { hint: importHint });
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source.json()) {
    pieces.push(piece);
    length += piece.length;
    if (length <= longestFile) continue;
    throw new AStarPOError('ASTARPO_DATA', `expected at most ${longestFile} bytes to hold in memory, got more at ${path}`, {
      hint: importHint,
    });
  }
  const bytes = Buffer.concat(pieces);
  return bytes.indexOf('\ufeff') === 0 ? bytes.subarray(3) : bytes;
}

/** Where it is no JSON, the entries are read one by one, which tells the first bad one. */
function parse(bytes: Buffer, path: string): unknown {
  try {
    return parseJson(bytes, path);
  } catch (error) {
    for (const [entry, { json, at }] of jsonMembers(bytes, path).entries()) parseJson(json, `entry ${entry} of ${path} (byte ${at})`);
    throw error;
  }
}

function inFileOrder(products: unknown, bytes: Buffer, path: string): unknown {
  if (!Array.isArray(products) || !products.some(hasNumberedOptions)) return products;
  return jsonMembers(bytes, path).map((entry, i) => withOptionOrder(products[i], entry, path));
}
