import type { Stats } from 'node:fs';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { AStarPOError, type ErrorCode } from '../errors.ts';
import { ioError } from '../util/atomic-file.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';

/** How the files of a model folder are opened and read. */

/** Runs `use` with an open file, undefined if there is none. Anything but a file (a folder, a pipe) throws ASTARPO_IO. */
export async function withExistingFile<T>(path: string, use: (file: FileHandle, size: number) => Promise<T>): Promise<T | undefined> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a named pipe would wait for a writer for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile()) throw notAFile(path, stats);
    return await use(file, stats.size);
  } catch (error) {
    if (error instanceof AStarPOError) throw error;
    if (file === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError('read', path, error);
  } finally {
    await file?.close();
  }
}

function notAFile(path: string, stats: Stats): AStarPOError {
  const kind = stats.isDirectory() ? 'a folder' : stats.isFIFO() ? 'a named pipe' : 'a device or socket';
  return new AStarPOError('ASTARPO_IO', `could not read ${path}: expected a file, got ${kind}`, {
    hint: 'put the file of the model there, or fetch the model again',
  });
}

export function asJsonObject(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** UTF-8 bytes → JSON object; undefined when it is JSON but no object. Throws what `fail` makes when it is not JSON. */
export function parseJson(bytes: Uint8Array, fail: (message: string) => AStarPOError): JsonObject | undefined {
  try {
    return asJsonObject(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue);
  } catch (error) {
    throw fail(`expected JSON, got text that does not parse (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** The object in a JSON file, undefined if there is no such file. Other trouble throws `code`, or ASTARPO_IO. */
export async function readJsonFile(path: string, code: ErrorCode): Promise<JsonObject | undefined> {
  const bytes = await withExistingFile(path, (file) => file.readFile());
  if (bytes === undefined) return undefined;
  const fail = (message: string) => new AStarPOError(code, `${path}: ${message}`, { hint: 'the file is damaged: fetch or write it again' });
  const json = parseJson(bytes, fail);
  if (json === undefined) throw fail('expected a JSON object');
  return json;
}
