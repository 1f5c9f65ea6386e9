import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AStarPOError } from '../../../errors.ts';
import type { RawCatalogue } from './products.ts';

const files = { products: 'items_shuffle_1000.json', attributes: 'items_ins_v2_1000.json', human: 'items_human_ins.json' } as const;

/**
 * Reads a catalogue folder; `hash` is the SHA-256 over the bytes of the files that were read. Errors: `ASTARPO_DATA` for a missing,
 * unreadable or broken file.
 */
export async function readCatalogue(folder: string, options: { human: boolean }): Promise<{ raw: RawCatalogue; hash: string }> {
  const hash = createHash('sha256');
  const read = async (name: string): Promise<unknown> => {
    const bytes = await readBytes(folder, name);
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
    return parse(bytes, join(folder, name));
  };
  const products = await read(files.products);
  const attributes = await read(files.attributes);
  const raw = options.human ? { products, attributes, human: await read(files.human) } : { products, attributes };
  return { raw, hash: hash.digest('hex') };
}

async function readBytes(folder: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(folder, name));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    throw new AStarPOError('ASTARPO_DATA', `expected ${name} in ${folder}, got ${code}`, {
      hint: 'the setup script of the WebShop repository (princeton-nlp/WebShop) fetches these files',
      cause,
    });
  }
}

function parse(bytes: Buffer, file: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new AStarPOError('ASTARPO_DATA', `expected JSON in ${file}, got ${cause instanceof Error ? cause.message : 'something else'}`, {
      hint: 'the file may be cut off: fetch it again',
      cause,
    });
  }
}
