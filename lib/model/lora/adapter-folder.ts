import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AStarPOError } from '../../errors.ts';
import { type FolderKind, writeFolderAtomic } from '../../util/atomic-folder.ts';
import type { OptionNames } from '../../util/known-options.ts';
import { cardName, cardSubject, refuseForeignCard } from '../card-file.ts';
import { readJsonFile } from '../files.ts';
import { type ModelCard, renderModelCard } from '../model-card.ts';
import type { NativeModel } from '../native-model.ts';
import { layoutSafetensors, readSafetensors, writeSafetensors } from '../safetensors.ts';
import { weightFileName, weightIndexName } from '../weight-index.ts';
import { adapterShapes, peftPrefix, planAdapter, remedy } from './adapter-tensors.ts';
import { checkFinite } from './check-finite.ts';
import { type PeftConfig, readPeftConfig, writePeftConfig } from './peft-config.ts';
import type { AdapterModule, LoraSettings } from './settings.ts';
import { selectModules } from './targets.ts';

const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
/** Metadata of the tensors' file: the mark of the base that they were trained on. PEFT ignores it. */
const fingerprintKey = 'astar-po.base';

const adapterFolder: FolderKind = {
  what: 'the folder of an adapter',
  marker: configName,
  files: /^(adapter_config\.json|adapter_model\.safetensors|README\.md)$/,
};

export interface SaveAdapterOptions {
  /** How the configuration calls the model that the adapter belongs to; default: where that came from. */
  readonly base?: string | undefined;
  /** What the model card (README.md) says beside what is known here; false: no card. */
  readonly card?: ModelCard | false | undefined;
}

export const saveAdapterNames: OptionNames<SaveAdapterOptions> = { base: true, card: true };

/** Whether a folder holds an adapter and no model of its own. */
export function isAdapterFolder(folder: string): boolean {
  return existsSync(join(folder, configName)) && ![weightFileName, weightIndexName].some((name) => existsSync(join(folder, name)));
}

/** Throws ASTARPO_IO, ASTARPO_ADAPTER. */
export async function readAdapterConfig(folder: string): Promise<PeftConfig> {
  const path = join(folder, configName);
  const json = await readJsonFile(path, 'ASTARPO_ADAPTER');
  if (json !== undefined) return readPeftConfig(json, path);
  throw new AStarPOError('ASTARPO_IO', `expected the folder of an adapter with ${configName}, got ${folder}`, {
    hint: 'give a folder that saveAdapter() or PEFT’s save_pretrained() wrote',
  });
}

/**
 * Writes the model's adapter as PEFT does: `adapter_config.json` and `adapter_model.safetensors`, in fp32. An older adapter there is
 * replaced, whole or not at all. Throws ASTARPO_ADAPTER for a model without one, ASTARPO_IO,
 * ASTARPO_STALE.
 */
export async function saveAdapterFolder(model: NativeModel, folder: string, options: SaveAdapterOptions = {}): Promise<void> {
  const { adapter } = model;
  if (adapter === undefined) throw noAdapter();
  const { base, card = {} } = options;
  const text = card === false ? undefined : renderModelCard(card, cardSubject(model, folder, 'adapter', 'float32'));
  await refuseForeignCard(folder);
  const plans = adapterShapes(adapter.modules).map(({ name, shape }) => ({ name: `${peftPrefix}${name}`, shape, dtype: 'F32' as const }));
  const layout = layoutSafetensors(plans, { format: 'pt', [fingerprintKey]: await model.baseFingerprint() });
  const own = layout.tensors.map((tensor) => ({ ...tensor, name: tensor.name.slice(peftPrefix.length) }));
  await writeFolderAtomic(folder, adapterFolder, async (temporary) => {
    const origin = base === undefined ? originOf(model) : { base, revision: null };
    const config = writePeftConfig({ settings: adapter.settings, ...origin });
    await writeFile(join(temporary, configName), `${JSON.stringify(config, null, 2)}\n`);
    await writeSafetensors(join(temporary, tensorsName), layout, (path) =>
      model.atOneVersion(() => model.writeTensors('weights', path, { ...layout, tensors: own })),
    );
    if (text !== undefined) await writeFile(join(temporary, cardName), text);
  });
}

/** The hub's id and commit, or the folder: as a whole path, since one from here would mean another place elsewhere. */
function originOf({ source }: NativeModel): Pick<PeftConfig, 'base' | 'revision'> {
  if (source === undefined) return { base: null, revision: null };
  return { base: source.hub?.id ?? resolve(source.folder), revision: source.hub?.commit ?? null };
}

/**
 * Reads an adapter in PEFT's format, made by PEFT or here, in F32, BF16 or F16. A model without adapter gets one; that of a model that
 * has one must agree in modules, ranks, scales and dropout, and takes the file's values. Everything is checked before the model
 * changes. Throws ASTARPO_ADAPTER (not plain LoRA; another base: naming file, tensor, shapes), ASTARPO_TENSOR_MISSING,
 * ASTARPO_SAFETENSORS (damaged, or with values that are not finite), ASTARPO_IO.
 */
export async function loadAdapterFolder(model: NativeModel, folder: string): Promise<void> {
  const { settings, base } = await readAdapterConfig(folder);
  const path = join(folder, tensorsName);
  const modules = modulesOf(settings, model, join(folder, configName), base);
  if (!existsSync(path) && existsSync(join(folder, 'adapter_model.bin'))) {
    throw new AStarPOError('ASTARPO_IO', `expected ${tensorsName} in ${folder}, got adapter_model.bin`, {
      hint: 'pickled files are not read: have PEFT write the adapter anew with save_pretrained()',
    });
  }
  const file = await readSafetensors(path);
  const plan = planAdapter(file, modules, model.config, base);
  await checkFinite(file);
  const mark = file.metadata[fingerprintKey];
  if (mark !== undefined && mark !== (await model.baseFingerprint())) {
    throw new AStarPOError('ASTARPO_ADAPTER', `${path}: expected an adapter of this base, got one of other weights with the same shapes`, {
      hint: remedy(base),
    });
  }
  if (model.adapter === undefined) await model.addAdapter({ settings, modules }, 0n);
  else refuseOther(path, model.adapter, { settings, modules });
  for (const { path: source, ranges } of plan) await model.loadTensors('weights', source, ranges);
}

/** The modules that settings of PEFT choose in a model. */
function modulesOf(settings: LoraSettings, model: NativeModel, path: string, base: string | null): readonly AdapterModule[] {
  const fail = (got: string, hint: string, cause?: unknown) =>
    new AStarPOError('ASTARPO_ADAPTER', `${path}: expected target_modules to choose linear modules of the layers, got ${got}`, {
      hint,
      cause,
    });
  try {
    const { modules, refused } = selectModules(settings, model.config);
    const [first] = refused;
    if (first !== undefined) throw fail(`${first} among them`, 'adapters of embedding, head and norms are not supported');
    if (modules.length === 0) throw fail(`${JSON.stringify(settings.targetModules)}, which chooses none`, remedy(base));
    return modules;
  } catch (error) {
    if (error instanceof SyntaxError) throw fail(`a pattern where ${error.message}`, 'list the modules by name instead', error);
    throw error;
  }
}

interface Kind {
  readonly settings: LoraSettings;
  readonly modules: readonly AdapterModule[];
}

/** An adapter that is there keeps its shape. */
function refuseOther(path: string, present: Kind, given: Kind): void {
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

/** ASTARPO_ADAPTER: what was asked needs an adapter. */
export function noAdapter(): AStarPOError {
  return new AStarPOError('ASTARPO_ADAPTER', 'expected a policy with an adapter, got one without', {
    hint: 'load it with the option lora, or call addLora() or loadAdapter()',
  });
}
