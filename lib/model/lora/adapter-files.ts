import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AStarPOError } from '../../errors.ts';
import { readJsonFile } from '../files.ts';
import { weightFileName, weightIndexName } from '../weight-index.ts';
import { type PeftConfig, readPeftConfig } from './peft-config.ts';

/** The folder of an adapter, as PEFT lays it out. */

export const adapterConfigName = 'adapter_config.json';
export const adapterTensorsName = 'adapter_model.safetensors';
/** Metadata of the tensors' file: the mark of the base that they were trained on. PEFT ignores it. */
export const fingerprintKey = 'astar-po.base';

/** Whether a folder holds an adapter and no model of its own. */
export function isAdapterFolder(folder: string): boolean {
  return existsSync(join(folder, adapterConfigName)) && ![weightFileName, weightIndexName].some((name) => existsSync(join(folder, name)));
}

/** Throws ASTARPO_IO, ASTARPO_ADAPTER. */
export async function readAdapterConfig(folder: string): Promise<PeftConfig> {
  const path = join(folder, adapterConfigName);
  const json = await readJsonFile(path, 'ASTARPO_ADAPTER');
  if (json !== undefined) return readPeftConfig(json, path);
  throw new AStarPOError('ASTARPO_IO', `expected the folder of an adapter with ${adapterConfigName}, got ${folder}`, {
    hint: 'give a folder that saveAdapter() or PEFT’s save_pretrained() wrote',
  });
}

/**
 * Where the base that an adapter names is: on the hub, a path from here, or from the adapter's folder, as adapters that travel with a
 * model have it. Throws ASTARPO_ADAPTER when it names none.
 */
export async function namedBase(folder: string): Promise<{ readonly name: string; readonly revision: string | null }> {
  const { base, revision } = await readAdapterConfig(folder);
  if (base === null) {
    const file = join(folder, adapterConfigName);
    throw new AStarPOError('ASTARPO_ADAPTER', `${file}: expected base_model_name_or_path to name a base, got none`, {
      hint: 'give the model that the adapter was trained on with the option base',
    });
  }
  const beside = resolve(folder, base);
  return { name: !existsSync(base) && existsSync(beside) ? beside : base, revision };
}
