import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { AStarPOError } from '../../../errors.ts';
import { ioError, writeFileAtomic } from '../../../util/atomic-file.ts';
import { bytesOf, type IndexCounts } from './index-arrays.ts';
import { SearchIndex } from './search-index.ts';

/*
 * An index on disk: a magic word, the length of a JSON header, the header, zeros up to a multiple of 8, then the index's buffer as it lies
 * in memory. Little-endian machines only, as all that Node with this library runs on are.
 */

/** Changes whenever the same documents would give other bytes. */
const format = 'astar-po-search-1';
const magic = Buffer.from('ASPOIDX\n');
const prefixLength = magic.length + 4;
/** Read and written at a time, so that the checksum is taken while the bytes are in the processor's cache. */
const pieceLength = 1 << 22;
const longestHeader = 1 << 16;

interface Header {
  readonly format: string;
  /** Which documents were indexed; whoever opens the file says what it expects. */
  readonly key: string;
  readonly counts: IndexCounts;
  /** CRC-32 of the buffer. */
  readonly checksum: number;
}

/** Writes an index, whole or not at all. `key` names what was indexed. Throws ASTARPO_IO. */
export async function saveIndex(path: string, index: SearchIndex, key: string): Promise<void> {
  const bytes = new Uint8Array(index.buffer);
  const header: Header = { format, key, counts: index.counts, checksum: checksumOf(bytes) };
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(aligned(prefixLength + json.length));
  magic.copy(start);
  start.writeUInt32LE(json.length, magic.length);
  json.copy(start, prefixLength);
  await writeFileAtomic(path, [start, ...piecesOf(bytes)]);
}

/**
 * Opens what `saveIndex` wrote; undefined where there is no such file, or one of other documents or of another version, which is to be
 * made anew. Throws ASTARPO_DATA for a damaged file, ASTARPO_IO.
 */
export function openIndex(path: string, key: string): SearchIndex | undefined {
  const file = openOrUndefined(path);
  if (file === undefined) return undefined;
  try {
    const { size } = fstatSync(file);
    const header = readHeader(file, path, size);
    if (header === undefined || header.key !== key) return undefined;
    const begin = aligned(prefixLength + header.length);
    const length = bytesOf(header.counts);
    if (size !== begin + length) throw damaged(path, `expected ${begin + length} bytes, got ${size}`);
    const buffer = new SharedArrayBuffer(length);
    let checksum = 0;
    let position = begin;
    for (const piece of piecesOf(new Uint8Array(buffer))) {
      readFully(file, path, piece, position);
      position += piece.length;
      checksum = crc32(piece, checksum);
    }
    if (checksum !== header.checksum) throw damaged(path, `expected checksum ${header.checksum}, got ${checksum}`);
    return new SearchIndex(buffer, header.counts);
  } finally {
    closeSync(file);
  }
}

function openOrUndefined(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError('read', path, error);
  }
}

function readHeader(file: number, path: string, size: number): (Header & { readonly length: number }) | undefined {
  const prefix = Buffer.alloc(Math.min(prefixLength, size));
  readFully(file, path, prefix, 0);
  if (prefix.length < prefixLength || !prefix.subarray(0, magic.length).equals(magic)) throw damaged(path, 'expected a search index');
  const length = prefix.readUInt32LE(magic.length);
  if (length > longestHeader || prefixLength + length > size) throw damaged(path, `expected a short header, got ${length} bytes`);
  const json = Buffer.alloc(length);
  readFully(file, path, json, prefixLength);
  const header = parseHeader(json, path);
  return header.format === format ? { ...header, length } : undefined;
}

function parseHeader(json: Buffer, path: string): Header {
  let header: Partial<Header> | null;
  try {
    header = JSON.parse(json.toString());
  } catch (cause) {
    throw damaged(path, `expected a header in JSON, got ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const { counts } = header ?? {};
  const numbers = ['documents', 'documentsWithText', 'terms', 'characters', 'postings', 'codes'] as const;
  const whole = numbers.every((name) => Number.isSafeInteger(counts?.[name]) && (counts?.[name] ?? -1) >= 0);
  if (!whole || !Number.isFinite(counts?.averageLength)) throw damaged(path, 'expected the counts of an index in its header');
  return header as Header;
}

function readFully(file: number, path: string, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.length; ) {
    const got = readSync(file, into, done, into.length - done, position + done);
    if (got === 0) throw damaged(path, `expected ${into.length} bytes at ${position}, got ${done}`);
    done += got;
  }
}

function checksumOf(bytes: Uint8Array): number {
  let checksum = 0;
  for (const piece of piecesOf(bytes)) checksum = crc32(piece, checksum);
  return checksum;
}

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let begin = 0; begin < bytes.length; begin += pieceLength) yield bytes.subarray(begin, begin + pieceLength);
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function damaged(path: string, message: string): AStarPOError {
  return new AStarPOError('ASTARPO_DATA', `${path}: ${message}`, { hint: 'the index is damaged: delete the file, it will be made again' });
}
