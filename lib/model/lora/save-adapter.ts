import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AStarPOError } from '../../errors.ts';
import { type FolderKind, writeFolderAtomic } from '../../util/atomic-folder.ts';
import type { OptionNames } from '../../util/known-options.ts';
import { cardName, cardSubject, refuseForeignCard } from '../card-file.ts';
import { type ModelCard, renderModelCard } from '../model-card.ts';
import type { NativeModel } from '../native-model.ts';
import { layoutSafetensors, writeSafetensors } from '../safetensors.ts';
import { adapterConfigName, adapterTensorsName, fingerprintKey } from './adapter-files.ts';
import { adapterShapes, peftPrefix } from './adapter-tensors.ts';
import { type PeftConfig, writePeftConfig } from './peft-config.ts';

const adapterFolder: FolderKind = {
  what: 'the folder of an adapter',
  marker: adapterConfigName,
  files: /^(adapter_config\.json|adapter_model\.safetensors|README\.md)$/,
};

export interface SaveAdapterOptions {
  /** How the configuration calls the model that the adapter belongs to; default: where that came from. */
  readonly base?: string | undefined;
  /** What the model card (README.md) says beside what is known here; false: no card. */
  readonly card?: ModelCard | false | undefined;
}

export const saveAdapterNames: OptionNames<SaveAdapterOptions> = { base: true, card: true };

/**
 * Writes the model's adapter as PEFT does: `adapter_config.json` and `adapter_model.safetensors`, in fp32. An older adapter there is
 * replaced, whole or not at all. Throws ASTARPO_ADAPTER for a model without one, ASTARPO_IO, ASTARPO_STALE.
 */
export async function saveAdapterFolder(model: NativeModel, folder: string, options: SaveAdapterOptions = {}): Promise<void> {
  const { adapter } = model;
  if (adapter === undefined) {
    throw new AStarPOError('ASTARPO_ADAPTER', 'expected a policy with an adapter, got one without', {
      hint: 'load it with the option lora, or call addLora() or loadAdapter()',
    });
  }
  const { base, card = {} } = options;
  const text = card === false ? undefined : renderModelCard(card, cardSubject(model, folder, 'adapter', 'float32'));
  await refuseForeignCard(folder);
  const plans = adapterShapes(adapter.modules).map(({ name, shape }) => ({ name: `${peftPrefix}${name}`, shape, dtype: 'F32' as const }));
  const layout = layoutSafetensors(plans, { format: 'pt', [fingerprintKey]: await model.baseFingerprint() });
  const own = layout.tensors.map((tensor) => ({ ...tensor, name: tensor.name.slice(peftPrefix.length) }));
  const write = async (temporary: string) => {
    const origin = base === undefined ? originOf(model) : { base, revision: null };
    const config = writePeftConfig({ settings: adapter.settings, ...origin });
    await writeFile(join(temporary, adapterConfigName), `${JSON.stringify(config, null, 2)}\n`);
    await writeSafetensors(join(temporary, adapterTensorsName), layout, (path) =>
      model.atOneVersion(() => model.writeTensors('weights', path, { ...layout, tensors: own })),
    );
    if (text !== undefined) await writeFile(join(temporary, cardName), text);
  };
  await writeFolderAtomic(folder, adapterFolder, write, (first, second) => model.exchangePaths(first, second));
}

/** The hub's id and commit, or the folder: as a whole path, since one from here would mean another place elsewhere. */
function originOf({ source }: NativeModel): Pick<PeftConfig, 'base' | 'revision'> {
  if (source === undefined) return { base: null, revision: null };
  return { base: source.hub?.id ?? resolve(source.folder), revision: source.hub?.commit ?? null };
}
