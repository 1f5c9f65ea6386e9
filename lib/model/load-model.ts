import { existsSync } from 'node:fs';
import { AStarPOError } from '../errors.ts';
import { resolveDevice } from './device-options.ts';
import { resolveModel } from './hub/resolve-model.ts';
import { deviceOptionsOf, hubOptionsOf, type LoadOptions } from './load-options.ts';
import { isAdapterFolder, namedBase } from './lora/adapter-files.ts';
import { applyAdapter, readAdapter } from './lora/load-adapter.ts';
import { planLora, resolveLora } from './lora/options.ts';
import { type LoadWork, NativeModel } from './native-model.ts';
import { progressReport } from './progress.ts';
import { readShape } from './read-shape.ts';

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
    const modules = wanted === undefined ? [] : planLora(wanted.settings, (await readShape(source.folder)).config);
    const model = await NativeModel.load(what, source, deviceOptionsOf(options), work);
    if (wanted === undefined) return model;
    return await orDispose(model, () => model.addAdapter({ settings: wanted.settings, modules }, wanted.seed));
  } finally {
    progress.end();
  }
}

async function loadWithAdapter(what: string, folder: string, options: LoadOptions, work: Required<LoadWork>): Promise<NativeModel> {
  const { revision: _, ...hub } = hubOptionsOf(options);
  const base = options.base === undefined ? await namedBase(folder) : { name: options.base, revision: null };
  const pinned = base.revision === null || existsSync(base.name) ? hub : { ...hub, revision: base.revision };
  const source = await resolveModel(base.name, pinned, work.progress, { signal: work.signal });
  const adapter = await readAdapter(folder, (await readShape(source.folder)).config);
  const model = await NativeModel.load(what, source, deviceOptionsOf(options), work);
  return await orDispose(model, () => applyAdapter(model, adapter));
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
