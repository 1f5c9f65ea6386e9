import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AStarPOError } from '../errors.ts';
import type { JsonObject } from '../util/json.ts';
import { fromHuggingFace, type ModelConfig } from './config.ts';
import { readJsonFile } from './files.ts';
import { fetchHubJson } from './hub/fetch-json.ts';
import { isHubId } from './hub/hub-id.ts';
import type { HubOptions } from './hub/hub-options.ts';
import { isAdapterFolder, readAdapterConfig } from './lora/adapter-folder.ts';
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
  const peft = await readAdapterConfig(place);
  const named = base ?? peft.base;
  if (named === null) {
    throw new AStarPOError('ASTARPO_ADAPTER', `expected ${place} to name its base, got none`, {
      hint: 'give the model that the adapter was trained on with the option base',
    });
  }
  const beside = resolve(place, named);
  const config = await readConfig(!existsSync(named) && existsSync(beside) ? beside : named, hub);
  return { config, adapter: selectModules(peft.settings, config).modules };
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
