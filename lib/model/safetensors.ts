import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AStarPOError } from '../errors.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import { asJsonObject, ioError, parseJson } from './files.ts';

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
 * Reads and checks a file's header. Throws ASTARPO_SAFETENSORS when header and file do not agree in every respect (length,
 * dtypes, shapes against bytes, overlaps, gaps, bytes beyond the last tensor), ASTARPO_IO when it cannot be read.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw ioError('read', path, error);
  });
  try {
    const { size } = await file.stat();
    const prefix = await readExactly(file, path, 0, Math.min(8, size));
    const headerLength = checkHeaderLength(prefix, size, path);
    return parseSafetensorsHeader(await readExactly(file, path, 8, headerLength), size, path);
  } finally {
    await file.close();
  }
}

function checkHeaderLength(prefix: Buffer, fileSize: number, path: string): number {
  if (prefix.length < 8) throw damaged(path, `expected at least 8 bytes, got ${fileSize}`);
  const length = prefix.readBigUInt64LE(0);
  if (length > BigInt(maxHeaderBytes))
    throw damaged(path, `expected a header of at most ${maxHeaderBytes} bytes, got a length of ${length}`);
  if (Number(length) + 8 > fileSize) throw damaged(path, `expected a header of ${length} bytes, got a file of ${fileSize} bytes`);
  return Number(length);
}

async function readExactly(file: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw damaged(path, `expected ${length} bytes at ${position}, got ${done}`);
    done += bytesRead;
  }
  return buffer;
}

/** Checks a header (its JSON bytes, without the length) against the size of the whole file. Throws ASTARPO_SAFETENSORS. */
export function parseSafetensorsHeader(header: Uint8Array, fileSize: number, path: string): SafetensorsFile {
  const fail = (message: string) => damaged(path, message);
  const json = parseJson(header, fail);
  if (json === undefined) throw fail('expected the header to be a JSON object');
  const dataStart = 8 + header.length;
  const metadata: Record<string, string> = {};
  const tensors: StoredTensor[] = [];
  for (const [name, value] of Object.entries(json)) {
    const entry = asJsonObject(value);
    if (entry === undefined) throw fail(`expected an object for ${JSON.stringify(name)}`);
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(entry)) {
        if (typeof text !== 'string') throw fail(`expected text for metadata ${JSON.stringify(key)}`);
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
  const label = JSON.stringify(name);
  const { dtype, shape, data_offsets: offsets } = entry;
  const size = typeof dtype === 'string' ? bytesPerElement.get(dtype) : undefined;
  if (typeof dtype !== 'string' || size === undefined) throw fail(`expected a known dtype for ${label}, got ${JSON.stringify(dtype)}`);
  if (!isCounts(shape)) throw fail(`expected a shape of non-negative integers for ${label}, got ${JSON.stringify(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2) throw fail(`expected two data_offsets for ${label}, got ${JSON.stringify(offsets)}`);
  const [begin = 0, end = 0] = offsets;
  const expected = shape.reduce((product, n) => product * n, size);
  if (end - begin !== expected) throw fail(`expected ${expected} bytes for ${label} (${dtype} [${shape}]), got offsets ${begin} to ${end}`);
  return { name, dtype, shape, offset: dataStart + begin, length: end - begin };
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
      throw fail(`expected ${JSON.stringify(tensor.name)} to begin at byte ${position}, got ${tensor.offset}: it ${what}`);
    }
    position += tensor.length;
  }
  if (position !== fileSize) throw fail(`expected a file of ${position} bytes by its header, got ${fileSize}`);
}

function damaged(path: string, message: string): AStarPOError {
  return new AStarPOError('ASTARPO_SAFETENSORS', `${path}: ${message}`, {
    hint: 'the file is truncated or was written wrongly; fetch it again',
  });
}

/**
 * The weight files of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.
 * Throws ASTARPO_IO when there is neither, ASTARPO_SAFETENSORS when index and shards disagree.
 */
export async function readWeightFiles(folder: string): Promise<SafetensorsFile[]> {
  const indexPath = join(folder, 'model.safetensors.index.json');
  const index = await readFile(indexPath).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw ioError('read', indexPath, error);
  });
  if (index === undefined) return [await readSafetensors(join(folder, 'model.safetensors'))];

  const fail = (message: string) => damaged(indexPath, message);
  const weightMap = asJsonObject(parseJson(index, fail)?.weight_map);
  if (weightMap === undefined) throw fail('expected an object "weight_map"');
  const shardNames = new Set<string>();
  for (const shard of Object.values(weightMap)) {
    // A shard lies beside its index: a path would let a downloaded index read elsewhere.
    if (typeof shard !== 'string' || shard !== basename(shard))
      throw fail(`expected file names in "weight_map", got ${JSON.stringify(shard)}`);
    shardNames.add(shard);
  }
  const files: SafetensorsFile[] = [];
  for (const shard of [...shardNames].sort()) files.push(await readSafetensors(join(folder, shard)));
  for (const [name, shard] of Object.entries(weightMap)) {
    const file = files.find(({ path }) => basename(path) === shard);
    if (file?.tensors.has(name) !== true) throw fail(`expected ${JSON.stringify(name)} in ${shard}, got a shard without it`);
  }
  return files;
}

/** A tensor to be written. */
export interface TensorPlan {
  readonly name: string;
  readonly dtype: 'F32' | 'BF16' | 'F16';
  readonly shape: readonly number[];
}

export interface SafetensorsLayout {
  /** Length and JSON, padded so that the first tensor begins at a multiple of 8. */
  readonly header: Buffer;
  readonly tensors: readonly StoredTensor[];
  readonly fileSize: number;
}

/** Where everything goes in a file with these tensors, in this order. */
export function layoutSafetensors(plans: readonly TensorPlan[], metadata: Readonly<Record<string, string>> = {}): SafetensorsLayout {
  const json: Record<string, JsonValue> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  const relative: StoredTensor[] = [];
  let position = 0;
  for (const { name, dtype, shape } of plans) {
    const length = shape.reduce((product, n) => product * n, bytesPerElement.get(dtype) ?? 0);
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
