import { join } from 'node:path';
import { AStarPOError } from '../../errors.ts';
import type { JsonObject } from '../../util/json.ts';
import { parseJson, readJsonFile } from '../files.ts';
import { HubCache } from './hub-cache.ts';
import { HubClient } from './hub-client.ts';
import { type HubOptions, resolveHubOptions } from './hub-options.ts';
import { PassingFailure, retrying } from './hub-retry.ts';

/** Configurations are thousands of bytes; nothing should fill the memory. */
const largest = 16 * 2 ** 20;

/**
 * A JSON file of a model of the hub, without the model's other files: from the cache where it is, else fetched. Nothing is stored.
 * Throws ASTARPO_DOWNLOAD, ASTARPO_CONFIG, ASTARPO_OPTION, ASTARPO_IO.
 */
export async function fetchHubJson(id: string, path: string, options: HubOptions): Promise<JsonObject> {
  const settings = resolveHubOptions(options);
  const cache = new HubCache(settings.cacheFolder, id);
  const commit = await cache.commitOf(settings.revision);
  const cached = commit === undefined ? undefined : await readJsonFile(join(cache.snapshot(commit), path), 'ASTARPO_CONFIG');
  if (cached !== undefined) return cached;
  const what = `${path} of ${id}`;
  if (settings.offline) {
    throw new AStarPOError('ASTARPO_DOWNLOAD', `expected ${what} in ${settings.cacheFolder}, got nothing, and offline mode is on`, {
      hint: `run astar-po model pull ${id} with a connection, or leave offline and HF_HUB_OFFLINE out`,
    });
  }
  const client = new HubClient(id, settings);
  const bytes = await retrying(what, async () => {
    const response = await client.open(settings.revision, path, 0, undefined);
    const pieces: Buffer[] = [];
    let length = 0;
    try {
      for await (const piece of response as AsyncIterable<Buffer>) {
        length += piece.length;
        if (length > largest) break;
        pieces.push(piece);
      }
    } catch (cause) {
      throw new PassingFailure(`the connection was cut after ${length} bytes`, { cause });
    }
    return Buffer.concat(pieces);
  });
  const fail = (message: string) => new AStarPOError('ASTARPO_CONFIG', `${what}: ${message}`);
  const json = parseJson(bytes, fail);
  if (json === undefined) throw fail('expected a JSON object');
  return json;
}
