import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { AStarPOError } from '../../../errors.ts';
import { ioError, writeFileAtomic } from '../../../util/atomic-file.ts';
import type { JsonObject } from '../../../util/json.ts';

/*
 * Bytes on disk that lie in memory as typed arrays: a magic word, the length and the CRC-32 of a JSON header, the header, zeros up to a
 * multiple of 8, then the buffer as it is. Little-endian machines only, as all that Node with this library runs on are.
 */

const magic = Buffer.from('ASTARPO\n');
const prefixLength = magic.length + 8;
/** Read and written at a time, so that the checksum is taken while the bytes are in the processor's cache. */
const pieceLength = 1 << 22;
const longestHeader = 1 << 28;

/** What a file holds. */
export interface BufferKind {
  /** Name and version of the layout; another one counts as no file. */
  readonly format: string;
  /** What the content was made from; another one counts as no file. */
  readonly key: string;
}

interface Header extends BufferKind {
  readonly details: JsonObject;
  readonly length: number;
  /** CRC-32 of the buffer. */
  readonly checksum: number;
}

/** Writes a buffer, whole or not at all. Throws ASTARPO_IO, and ASTARPO_DATA for details of more than 256 MiB. */
export async function saveBuffer(path: string, kind: BufferKind, details: JsonObject, buffer: SharedArrayBuffer): Promise<void> {
  const bytes = new Uint8Array(buffer);
  const header: Header = { ...kind, details, length: bytes.length, checksum: checksumOf(bytes) };
  const json = Buffer.from(JSON.stringify(header));
  if (json.length > longestHeader) {
    throw new AStarPOError('ASTARPO_DATA', `expected details of at most ${longestHeader} bytes for ${path}, got ${json.length}`, {
      hint: 'queries and categories of products are names, of some words each: check these fields',
    });
  }
  const start = Buffer.alloc(aligned(prefixLength + json.length));
  magic.copy(start);
  start.writeUInt32LE(json.length, magic.length);
  start.writeUInt32LE(crc32(json), magic.length + 4);
  json.copy(start, prefixLength);
  await writeFileAtomic(path, [start, ...piecesOf(bytes)]);
}

/** Buffers in use by the file that they were read from: thousands of environments over one catalogue need it in memory once. */
const inUse = new Map<string, WeakRef<SharedArrayBuffer>>();

/**
 * Reads what `saveBuffer` wrote; undefined where there is no such file or one of another kind, which is to be made anew. Whoever opens a file
 * that is open already gets the same buffer. Throws ASTARPO_DATA for a damaged file, ASTARPO_IO.
 */
export function openBuffer(path: string, kind: BufferKind): { details: JsonObject; buffer: SharedArrayBuffer } | undefined {
  const file = openOrUndefined(path);
  if (file === undefined) return undefined;
  try {
    const { size } = fstatSync(file);
    const { header, end } = readHeader(file, path, size);
    if (header.format !== kind.format || header.key !== kind.key) return undefined;
    const begin = aligned(end);
    if (size !== begin + header.length) throw damaged(path, `expected ${begin + header.length} bytes, got ${size}`);
    return { details: header.details, buffer: sharedBuffer(file, () => readBuffer(file, path, begin, header)) };
  } finally {
    closeSync(file);
  }
}

function sharedBuffer(file: number, read: () => SharedArrayBuffer): SharedArrayBuffer {
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(file, { bigint: true });
  const identity = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  const known = inUse.get(identity)?.deref();
  if (known !== undefined) return known;
  for (const [old, buffer] of inUse) if (buffer.deref() === undefined) inUse.delete(old);
  const buffer = read();
  inUse.set(identity, new WeakRef(buffer));
  return buffer;
}

function readBuffer(file: number, path: string, begin: number, header: Header): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(header.length);
  let checksum = 0;
  let position = begin;
  for (const piece of piecesOf(new Uint8Array(buffer))) {
    readFully(file, path, piece, position);
    position += piece.length;
    checksum = crc32(piece, checksum);
  }
  if (checksum !== header.checksum) throw damaged(path, `expected checksum ${header.checksum}, got ${checksum}`);
  return buffer;
}

/** Fills `into` from a file. Throws ASTARPO_DATA when it ends too early, ASTARPO_IO. */
export function readFully(file: number, path: string, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.length; ) {
    const got = readPiece(file, path, into.subarray(done), position + done);
    if (got === 0) throw damaged(path, `expected ${into.length} bytes at ${position}, got ${done}`);
    done += got;
  }
}

function readPiece(file: number, path: string, into: Uint8Array, position: number): number {
  try {
    return readSync(file, into, 0, into.length, position);
  } catch (error) {
    throw ioError('read', path, error);
  }
}

export function damaged(path: string, message: string): AStarPOError {
  return new AStarPOError('ASTARPO_DATA', `${path}: ${message}`, { hint: 'the file is damaged: import the catalogue again' });
}

function openOrUndefined(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError('read', path, error);
  }
}

function readHeader(file: number, path: string, size: number): { header: Header; end: number } {
  const prefix = Buffer.alloc(Math.min(prefixLength, size));
  readFully(file, path, prefix, 0);
  if (prefix.length < prefixLength || !prefix.subarray(0, magic.length).equals(magic))
    throw damaged(path, 'expected a file of this library');
  const length = prefix.readUInt32LE(magic.length);
  if (length > longestHeader || prefixLength + length > size) throw damaged(path, `expected a whole header, got a length of ${length}`);
  const json = Buffer.alloc(length);
  readFully(file, path, json, prefixLength);
  const [checksum, expected] = [crc32(json), prefix.readUInt32LE(magic.length + 4)];
  if (checksum !== expected) throw damaged(path, `expected a header with checksum ${expected}, got ${checksum}`);
  return { header: parseHeader(json, path), end: prefixLength + length };
}

function parseHeader(json: Buffer, path: string): Header {
  let header: Partial<Header> | null;
  try {
    header = JSON.parse(json.toString());
  } catch (cause) {
    throw damaged(path, `expected a header in JSON, got ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const { length, details } = header ?? {};
  if (!Number.isSafeInteger(length) || (length ?? -1) < 0 || typeof details !== 'object')
    throw damaged(path, 'expected a header with a length');
  return header as Header;
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
