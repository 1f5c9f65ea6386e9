import type { JsonObject } from '../../../util/json.ts';
import { damaged, openBuffer, saveBuffer } from '../catalogue/buffer-file.ts';
import { bytesOf, type IndexCounts } from './index-arrays.ts';
import { SearchIndex } from './search-index.ts';

/** Changes whenever the same documents would give other bytes. */
const format = 'search-index-2';

/** Writes an index, whole or not at all. `key` names what was indexed. Throws ASTARPO_IO. */
export async function saveIndex(path: string, index: SearchIndex, key: string): Promise<void> {
  await saveBuffer(path, { format, key }, { ...index.counts }, index.buffer);
}

/**
 * Opens what `saveIndex` wrote; undefined where there is no such file, or one of other documents or of another version, which is to be
 * made anew. Throws ASTARPO_DATA for a damaged file, ASTARPO_IO.
 */
export function openIndex(path: string, key: string): SearchIndex | undefined {
  const file = openBuffer(path, { format, key });
  if (file === undefined) return undefined;
  const counts = readCounts(file.details, path);
  if (file.buffer.byteLength !== bytesOf(counts)) throw damaged(path, `expected ${bytesOf(counts)} bytes, got ${file.buffer.byteLength}`);
  return new SearchIndex(file.buffer, counts);
}

function readCounts(details: JsonObject, path: string): IndexCounts {
  const number = (name: keyof IndexCounts): number => {
    const value = details[name];
    if (typeof value !== 'number' || !(value >= 0)) throw damaged(path, `expected ${name} in the header of an index, got ${value}`);
    return value;
  };
  return {
    documents: number('documents'),
    documentsWithText: number('documentsWithText'),
    terms: number('terms'),
    characters: number('characters'),
    postings: number('postings'),
    codes: number('codes'),
    averageLength: number('averageLength'),
  };
}
