import { statSync } from 'node:fs';
import { join } from 'node:path';
import { AStarPOError } from '../errors.ts';
import type { JsonObject } from '../util/json.ts';
import { fromHuggingFace, type ModelConfig } from './config.ts';
import { readJsonFile } from './files.ts';
import { fetchHubJson } from './hub/fetch-json.ts';
import { isHubId } from './hub/hub-id.ts';
import type { HubOptions } from './hub/hub-options.ts';
import { isAdapterFolder, namedBase, readAdapterConfig } from './lora/adapter-files.ts';
import type { AdapterModule } from './lora/settings.ts';
import { selectModules } from './lora/targets.ts';

/** What a model is, before any of its weights is read. */
export interface ModelShape {
  readonly config: ModelConfig;
  /** The modules of an adapter, where the folder is that of one. */
  readonly adapter: readonly AdapterModule[] | undefined;
}

export interface ReadShapeOptions extends HubOptions {
  /** For the folder of an adapter: its base. Default: the one that its files name. */
  readonly base?: string | undefined;
}

/**
 * Reads the shape of a model: from its folder, from a config.json alone, from the folder of an adapter and its base, or from the hub,
 * where only the configuration is fetched. Throws ASTARPO_IO, ASTARPO_CONFIG, ASTARPO_ARCHITECTURE, ASTARPO_ADAPTER, ASTARPO_DOWNLOAD.
 */
export async function readShape(place: string, { base, ...hub }: ReadShapeOptions = {}): Promise<ModelShape> {
  if (!isAdapterFolder(place)) return { config: await readConfig(place, hub), adapter: undefined };
  const { settings } = await readAdapterConfig(place);
  const config = await readConfig(base ?? (await namedBase(place)).name, hub);
  return { config, adapter: selectModules(settings, config).modules };
}

async function readConfig(place: string, hub: HubOptions): Promise<ModelConfig> {
  const stats = statSync(place, { throwIfNoEntry: false });
  if (stats === undefined && isHubId(place)) {
    return fromHuggingFace(await fetchHubJson(place, 'config.json', hub), {}, `config.json of ${place}`);
  }
  const file = stats?.isDirectory() === true ? join(place, 'config.json') : place;
  const json: JsonObject | undefined = await readJsonFile(file, 'ASTARPO_CONFIG');
  if (json !== undefined) return fromHuggingFace(json, {}, file);
  throw new AStarPOError('ASTARPO_IO', `expected a model folder, a config.json or the id of a model on the hub, got ${place}`, {
    hint: 'give the path of a Hugging Face model folder, of its config.json, or an id such as Qwen/Qwen3-0.6B',
  });
}
