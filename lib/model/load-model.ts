import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { deviceOptionsOf, type LoadOptions } from './load-options.ts';
import { isAdapterFolder, loadAdapterFolder, readAdapterConfig } from './lora/adapter-folder.ts';
import { planLora, resolveLora } from './lora/options.ts';
import { NativeModel } from './native-model.ts';

/**
 * A model from a Hugging Face folder, with a new adapter where the option `lora` asks for one; or from the folder of an adapter and
 * its base.
 */
export async function loadModel(what: string, folder: string, options: LoadOptions): Promise<NativeModel> {
  const { lora, base } = options;
  // Wrong options are told before gigabytes are read.
  const wanted = lora === undefined ? undefined : resolveLora(lora);
  if (isAdapterFolder(folder)) {
    if (wanted !== undefined) {
      throw new AStarPOError('ASTARPO_OPTION', `expected no option lora for ${folder}, which is the folder of an adapter`, {
        hint: 'leave lora out to go on with that adapter, or give the folder of its base to begin a new one',
      });
    }
    return await loadWithAdapter(what, folder, options);
  }
  if (base !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', `expected the option base with the folder of an adapter only, got it with ${folder}`, {
      hint: 'leave base out: a model folder is its own base',
    });
  }
  const model = await NativeModel.load(what, folder, deviceOptionsOf(options));
  return wanted === undefined
    ? model
    : await orDispose(model, () =>
        model.addAdapter({ settings: wanted.settings, modules: planLora(wanted.settings, model.config) }, wanted.seed),
      );
}

async function loadWithAdapter(what: string, folder: string, options: LoadOptions): Promise<NativeModel> {
  const base = options.base ?? (await namedBase(folder));
  const model = await NativeModel.load(what, base, deviceOptionsOf(options));
  return await orDispose(model, () => loadAdapterFolder(model, folder));
}

/** Where the base that an adapter names is: a path from here, or from the adapter's folder, as adapters that travel with a model have it. */
async function namedBase(folder: string): Promise<string> {
  const { base } = await readAdapterConfig(folder);
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
  return !existsSync(base) && existsSync(beside) ? beside : base;
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
