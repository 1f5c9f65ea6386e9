import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AStarPOError } from '../../errors.ts';
import type { ModelConfig } from '../config.ts';
import type { NativeModel } from '../native-model.ts';
import { readSafetensors } from '../safetensors.ts';
import type { WeightFile } from '../weight-files.ts';
import type { Adapter } from './adapter.ts';
import { adapterConfigName, adapterTensorsName, fingerprintKey, readAdapterConfig } from './adapter-files.ts';
import { planAdapter, remedy } from './adapter-tensors.ts';
import { checkFinite } from './check-finite.ts';
import type { AdapterModule, LoraSettings } from './settings.ts';
import { selectModules } from './targets.ts';

/** An adapter in a folder, of which everything was checked but whether the base's own values are those it was trained on. */
export interface StoredAdapter {
  /** Of the tensors. */
  readonly path: string;
  readonly settings: LoraSettings;
  readonly modules: readonly AdapterModule[];
  readonly files: readonly WeightFile[];
  /** What the configuration calls the base. */
  readonly base: string | null;
  /** The mark of the base's values, where the adapter was written here. */
  readonly fingerprint: string | undefined;
}

/**
 * Reads and checks an adapter in PEFT's format, made by PEFT or here, in F32, BF16 or F16, for a model of this shape. Throws
 * ASTARPO_ADAPTER (not plain LoRA; another base: naming file, tensor, shapes), ASTARPO_TENSOR_MISSING, ASTARPO_SAFETENSORS (damaged,
 * or with values that are not finite), ASTARPO_IO.
 */
export async function readAdapter(folder: string, config: ModelConfig): Promise<StoredAdapter> {
  const { settings, base } = await readAdapterConfig(folder);
  const path = join(folder, adapterTensorsName);
  const modules = modulesOf(settings, config, join(folder, adapterConfigName), base);
  if (!existsSync(path) && existsSync(join(folder, 'adapter_model.bin'))) {
    throw new AStarPOError('ASTARPO_IO', `expected ${adapterTensorsName} in ${folder}, got adapter_model.bin`, {
      hint: 'pickled files are not read: have PEFT write the adapter anew with save_pretrained()',
    });
  }
  const file = await readSafetensors(path);
  const files = planAdapter(file, modules, config, base);
  await checkFinite(file);
  return { path, settings, modules, files, base, fingerprint: file.metadata[fingerprintKey] };
}

/**
 * Gives a model the adapter that was read. One that the model has already must agree in modules, ranks, scales and dropout, and takes
 * the new values. Throws ASTARPO_ADAPTER before the model changes, also when the base has other values than the one it was trained on.
 */
export async function applyAdapter(model: NativeModel, adapter: StoredAdapter): Promise<void> {
  const { path, settings, modules, files, base, fingerprint } = adapter;
  if (fingerprint !== undefined && fingerprint !== (await model.baseFingerprint())) {
    throw new AStarPOError('ASTARPO_ADAPTER', `${path}: expected an adapter of this base, got one of other weights with the same shapes`, {
      hint: remedy(base),
    });
  }
  if (model.adapter === undefined) await model.addAdapter({ settings, modules }, 0n);
  else refuseOther(path, model.adapter, adapter);
  for (const file of files) await model.loadTensors('weights', file.path, file.ranges);
}

/** The modules that settings of PEFT choose in a model. */
function modulesOf(settings: LoraSettings, config: ModelConfig, path: string, base: string | null): readonly AdapterModule[] {
  const fail = (got: string, hint: string, cause?: unknown) =>
    new AStarPOError('ASTARPO_ADAPTER', `${path}: expected target_modules to choose linear modules of the layers, got ${got}`, {
      hint,
      cause,
    });
  try {
    const { modules, refused } = selectModules(settings, config);
    const [first] = refused;
    if (first !== undefined) throw fail(`${first} among them`, 'adapters of embedding, head and norms are not supported');
    if (modules.length === 0) throw fail(`${JSON.stringify(settings.targetModules)}, which chooses none`, remedy(base));
    return modules;
  } catch (error) {
    if (error instanceof SyntaxError) throw fail(`a pattern where ${error.message}`, 'list the modules by name instead', error);
    throw error;
  }
}

/** An adapter that is there keeps its shape. */
function refuseOther(path: string, present: Adapter, given: StoredAdapter): void {
  const describe = ({ module, rank, scale }: AdapterModule) => `${module} of rank ${rank} scaled by ${scale}`;
  const [here, there] = [present.modules.map(describe), given.modules.map(describe)];
  const at = Math.max(here.length, there.length);
  const different = Array.from({ length: at }, (_, i) => i).find((i) => here[i] !== there[i]);
  const fail = (expected: string, got: string) =>
    new AStarPOError('ASTARPO_ADAPTER', `${path}: expected ${expected}, as the model has it, got ${got}`, {
      hint: 'load the base without the lora option, then loadAdapter()',
    });
  if (different !== undefined) throw fail(here[different] ?? 'no further module', there[different] ?? 'none');
  if (present.settings.dropout !== given.settings.dropout) {
    throw fail(`dropout ${present.settings.dropout}`, String(given.settings.dropout));
  }
}
