import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { resolveDevice } from './device-options.ts';
import { resolveModel } from './hub/resolve-model.ts';
import { deviceOptionsOf, hubOptionsOf, type LoadOptions } from './load-options.ts';
import { isAdapterFolder, loadAdapterFolder, readAdapterConfig } from './lora/adapter-folder.ts';
import { planLora, resolveLora } from './lora/options.ts';
import { type LoadWork, NativeModel } from './native-model.ts';
import { progressReport } from './progress.ts';

/**
 * A model from a Hugging Face folder or the hub, with a new adapter where the option `lora` asks for one; or from an adapter and its
 * base, each in a folder or on the hub.
 */
export async function loadModel(what: string, name: string, options: LoadOptions): Promise<NativeModel> {
  // Wrong options are told before gigabytes are fetched and read.
  const wanted = options.lora === undefined ? undefined : resolveLora(options.lora);
  resolveDevice(deviceOptionsOf(options));
  const progress = progressReport(options.progress);
  const work = { progress, signal: options.signal, chat: options.chat };
  try {
    const source = await resolveModel(name, hubOptionsOf(options), progress, { signal: options.signal });
    if (isAdapterFolder(source.folder)) {
      if (wanted !== undefined) {
        throw new AStarPOError('ASTARPO_OPTION', `expected no option lora for ${name}, which is the folder of an adapter`, {
          hint: 'leave lora out to go on with that adapter, or give the folder of its base to begin a new one',
        });
      }
      return await loadWithAdapter(what, source.folder, options, work);
    }
    if (options.base !== undefined) {
      throw new AStarPOError('ASTARPO_OPTION', `expected the option base with the folder of an adapter only, got it with ${name}`, {
        hint: 'leave base out: a model folder is its own base',
      });
    }
    const model = await NativeModel.load(what, source, deviceOptionsOf(options), work);
    if (wanted === undefined) return model;
    const adapter = { settings: wanted.settings, modules: planLora(wanted.settings, model.config) };
    return await orDispose(model, () => model.addAdapter(adapter, wanted.seed));
  } finally {
    progress.end();
  }
}

async function loadWithAdapter(what: string, folder: string, options: LoadOptions, work: Required<LoadWork>): Promise<NativeModel> {
  const { revision: _, ...hub } = hubOptionsOf(options);
  const base = options.base === undefined ? await namedBase(folder) : { name: options.base, revision: null };
  const pinned = base.revision === null || existsSync(base.name) ? hub : { ...hub, revision: base.revision };
  const source = await resolveModel(base.name, pinned, work.progress, { signal: work.signal });
  const model = await NativeModel.load(what, source, deviceOptionsOf(options), work);
  return await orDispose(model, () => loadAdapterFolder(model, folder));
}

/** Where the base that an adapter names is: on the hub, a path from here, or from the adapter's folder, as adapters that travel with a model have it. */
async function namedBase(folder: string): Promise<{ name: string; revision: string | null }> {
  const { base, revision } = await readAdapterConfig(folder);
  if (base === null) {
    throw new AStarPOError(
      'ASTARPO_ADAPTER',
      `expected ${folder}/adapter_config.json to name a base in base_model_name_or_path, got none`,
      {
        hint: 'give the model that the adapter was trained on with the option base',
      },
    );
  }
  const beside = resolve(folder, base);
  return { name: !existsSync(base) && existsSync(beside) ? beside : base, revision };
}

async function orDispose(model: NativeModel, work: () => Promise<void>): Promise<NativeModel> {
  try {
    await work();
    return model;
  } catch (error) {
    await model.dispose();
    throw error;
  }
}
