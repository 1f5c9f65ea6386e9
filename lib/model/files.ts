import { readFile } from 'node:fs/promises';
import { AStarPOError, type ErrorCode } from '../errors.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';

/** Small helpers for the JSON files of a model folder. */

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
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw ioError('read', path, error);
  });
  if (bytes === undefined) return undefined;
  const fail = (message: string) => new AStarPOError(code, `${path}: ${message}`);
  const json = parseJson(bytes, fail);
  if (json === undefined) throw fail('expected a JSON object');
  return json;
}

export function ioError(action: 'read' | 'write', path: string, cause: unknown): AStarPOError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AStarPOError('ASTARPO_IO', `could not ${action} ${path}: ${reason}`, { cause });
}
