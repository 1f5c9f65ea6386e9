import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { ioError } from '../util/atomic-file.ts';
import { type JsonObject, type JsonValue, shortJson } from '../util/json.ts';
import { asJsonObject, parseJson, withExistingFile } from './files.ts';

/**
 * The safetensors format: 8 bytes little-endian length of the header, the header as JSON, then the tensors' bytes without gaps.
 * Headers are read and written here; the bytes go from file to device in native code, at the offsets that this file checked.
 */

/** One tensor of a file; `offset` and `length` in bytes, from the start of the file. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

export interface SafetensorsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Larger headers are refused, as the reference implementation does. */
export const maxHeaderBytes = 100_000_000;

const bytesPerElement: ReadonlyMap<string, number> = new Map([
  ...['BOOL', 'U8', 'I8', 'F8_E4M3', 'F8_E5M2'].map((name) => [name, 1] as const),
  ...['U16', 'I16', 'F16', 'BF16'].map((name) => [name, 2] as const),
  ...['U32', 'I32', 'F32'].map((name) => [name, 4] as const),
  ...['U64', 'I64', 'F64', 'C64'].map((name) => [name, 8] as const),
]);

/**
 * Reads and checks a file's header. Throws ASTARPO_SAFETENSORS when header and file do not agree in every respect (length, dtypes,
 * shapes against bytes, overlaps, gaps, alignment, bytes beyond the last tensor), ASTARPO_IO when it cannot be read.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const read = await withExistingFile(path, async (file, size) => {
    const prefix = await readExactly(file, path, 0, Math.min(8, size));
    const headerLength = checkHeaderLength(prefix, size, path);
    return parseSafetensorsHeader(await readExactly(file, path, 8, headerLength), size, path);
  });
  if (read !== undefined) return read;
  throw new AStarPOError('ASTARPO_IO', `expected the file ${path}, got no such file`, { hint: 'fetch the files of the model again' });
}

function checkHeaderLength(prefix: Buffer, fileSize: number, path: string): number {
  if (prefix.length < 8) throw damagedFile(path, `expected at least 8 bytes, got ${fileSize}`);
  const length = prefix.readBigUInt64LE(0);
  if (length > BigInt(maxHeaderBytes))
    throw damagedFile(path, `expected a header of at most ${maxHeaderBytes} bytes, got a length of ${length}`);
  if (Number(length) + 8 > fileSize) throw damagedFile(path, `expected a header of ${length} bytes, got a file of ${fileSize} bytes`);
  return Number(length);
}

/** Bytes of an open file. Throws ASTARPO_SAFETENSORS when it ends before. */
export async function readExactly(file: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw damagedFile(path, `expected ${length} bytes at ${position}, got ${done}`);
    done += bytesRead;
  }
  return buffer;
}

/** Checks a header (its JSON bytes, without the length) against the size of the whole file. Throws ASTARPO_SAFETENSORS. */
export function parseSafetensorsHeader(header: Uint8Array, fileSize: number, path: string): SafetensorsFile {
  const fail = (message: string) => damagedFile(path, message);
  const json = parseJson(header, fail);
  if (json === undefined) throw fail('expected the header to be a JSON object');
  const dataStart = 8 + header.length;
  const metadata: Record<string, string> = {};
  const tensors: StoredTensor[] = [];
  for (const [name, value] of Object.entries(json)) {
    const entry = asJsonObject(value);
    if (entry === undefined) throw fail(`expected an object for ${shortJson(name)}`);
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(entry)) {
        if (typeof text !== 'string') throw fail(`expected text for metadata ${shortJson(key)}`);
        metadata[key] = text;
      }
    } else {
      tensors.push(parseEntry(name, entry, dataStart, fail));
    }
  }
  checkCoverage(tensors, dataStart, fileSize, fail);
  return { path, metadata, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

type Fail = (message: string) => AStarPOError;

function parseEntry(name: string, entry: JsonObject, dataStart: number, fail: Fail): StoredTensor {
  const label = shortJson(name);
  const { dtype, shape, data_offsets: offsets } = entry;
  const size = typeof dtype === 'string' ? bytesPerElement.get(dtype) : undefined;
  if (typeof dtype !== 'string' || size === undefined) throw fail(`expected a known dtype for ${label}, got ${shortJson(dtype)}`);
  if (!isCounts(shape)) throw fail(`expected a shape of non-negative integers for ${label}, got ${shortJson(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2) throw fail(`expected two data_offsets for ${label}, got ${shortJson(offsets)}`);
  const [begin = 0, end = 0] = offsets;
  const expected = shape.reduce((product, n) => product * n, size);
  if (end - begin !== expected)
    throw fail(`expected ${expected} bytes for ${label} (${dtype} ${shortJson(shape)}), got offsets ${begin} to ${end}`);
  const offset = dataStart + begin;
  // Readers that map the file into memory cannot use such a tensor.
  if (dataStart % size !== 0 || begin % size !== 0) {
    throw fail(
      `expected ${label} (${dtype}) at a multiple of ${size} bytes, got byte ${begin} after a header of ${dataStart}: not aligned`,
    );
  }
  return { name, dtype, shape, offset, length: end - begin };
}

function isCounts(value: JsonValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** The tensors' bytes follow each other from the header to the end of the file. */
function checkCoverage(tensors: readonly StoredTensor[], dataStart: number, fileSize: number, fail: Fail): void {
  let position = dataStart;
  for (const tensor of tensors.toSorted((a, b) => a.offset - b.offset || a.length - b.length)) {
    if (tensor.offset !== position) {
      const what = tensor.offset < position ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw fail(`expected ${shortJson(tensor.name)} to begin at byte ${position}, got ${tensor.offset}: it ${what}`);
    }
    position += tensor.length;
  }
  if (position !== fileSize) throw fail(`expected a file of ${position} bytes by its header, got ${fileSize}`);
}

/** ASTARPO_SAFETENSORS about one file. */
export function damagedFile(path: string, message: string): AStarPOError {
  return new AStarPOError('ASTARPO_SAFETENSORS', `${path}: ${message}`, {
    hint: 'the file is truncated or was written wrongly: fetch it again, or write it anew with the safetensors library',
  });
}

/** A tensor to be written. */
export interface TensorPlan {
  readonly name: string;
  readonly dtype: 'F32' | 'BF16' | 'F16';
  readonly shape: readonly number[];
}

/** Bytes of a tensor in a file. */
export function storedBytes({ dtype, shape }: TensorPlan): number {
  return shape.reduce((product, n) => product * n, bytesPerElement.get(dtype) ?? 0);
}

export interface SafetensorsLayout {
  /** Length and JSON, padded so that the first tensor begins at a multiple of 8. */
  readonly header: Buffer;
  readonly tensors: readonly StoredTensor[];
  readonly fileSize: number;
}

/** Where everything goes in a file with these tensors, in this order but for wider types first, so that all are aligned. */
export function layoutSafetensors(plans: readonly TensorPlan[], metadata: Readonly<Record<string, string>> = {}): SafetensorsLayout {
  const json: Record<string, JsonValue> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  const relative: StoredTensor[] = [];
  const width = ({ dtype }: TensorPlan) => bytesPerElement.get(dtype) ?? 0;
  let position = 0;
  for (const plan of plans.toSorted((a, b) => width(b) - width(a))) {
    const { name, dtype, shape } = plan;
    const length = storedBytes(plan);
    json[name] = { dtype, shape, data_offsets: [position, position + length] };
    relative.push({ name, dtype, shape, offset: position, length });
    position += length;
  }
  const text = Buffer.from(JSON.stringify(json), 'utf8');
  const header = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8), 0);
  text.copy(header, 8);
  return {
    header,
    tensors: relative.map((tensor) => ({ ...tensor, offset: tensor.offset + header.length })),
    fileSize: header.length + position,
  };
}

/**
 * Writes a file that appears complete or not at all: the header and room for the bytes under a temporary name, then `fill`
 * (which writes the tensors at the layout's offsets), then fsync and rename. Throws ASTARPO_IO.
 */
export async function writeSafetensors(path: string, layout: SafetensorsLayout, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await withFile(temporary, 'w', async (file) => {
      await file.write(layout.header, 0, layout.header.length, 0);
      await file.truncate(layout.fileSize);
    });
    await fill(temporary);
    await withFile(temporary, 'r+', (file) => file.sync());
    await rename(temporary, path);
    await withFile(dirname(path), 'r', (folder) => folder.sync());
  } catch (error) {
    await rm(temporary, { force: true });
    throw error instanceof AStarPOError ? error : ioError('write', path, error);
  }
}

async function withFile(path: string, flags: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
