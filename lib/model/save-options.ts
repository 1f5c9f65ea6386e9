import { AStarPOError } from '../errors.ts';
import type { StoredDType } from '../native/addon.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { nameHint } from '../util/nearest-name.ts';
import type { ModelCard } from './model-card.ts';

/** Type of weights in files. */
export type WeightDType = 'float32' | 'bfloat16' | 'float16';

/** How a model is written. */
export interface SaveModelOptions {
  /** Weights above this many bytes go into several files with an index; default 5 GB. */
  readonly maxShardBytes?: number | undefined;
  /** Of the stored weights; default: the policy's. */
  readonly dtype?: WeightDType | undefined;
  /** What the model card (README.md) says beside what is known here; false: no card. */
  readonly card?: ModelCard | false | undefined;
  /** Ends the saving with ASTARPO_ABORTED; the older folder stays. */
  readonly signal?: AbortSignal | undefined;
}

export const saveModelNames: OptionNames<SaveModelOptions> = { maxShardBytes: true, dtype: true, card: true, signal: true };

export interface ResolvedSave {
  readonly maxShardBytes: number;
  readonly dtype: WeightDType;
  readonly stored: StoredDType;
  readonly card: ModelCard | false;
  readonly signal: AbortSignal | undefined;
}

const storedTypes: Readonly<Record<WeightDType, StoredDType>> = { float32: 'F32', bfloat16: 'BF16', float16: 'F16' };

/** Defaults and checks. Throws ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION. */
export function resolveSave(options: SaveModelOptions, own: 'float32' | 'bfloat16'): ResolvedSave {
  refuseUnknownOptions('save', options, saveModelNames);
  const { maxShardBytes = 5e9, dtype = own, card = {}, signal } = options;
  if (!Number.isSafeInteger(maxShardBytes) || maxShardBytes < 1) {
    throw new AStarPOError('ASTARPO_OPTION', `expected maxShardBytes to be a positive integer, got ${String(maxShardBytes)}`);
  }
  if (!Object.hasOwn(storedTypes, dtype)) {
    const known = Object.keys(storedTypes);
    throw new AStarPOError('ASTARPO_OPTION', `expected dtype to be ${known.join(', ')}, got ${String(dtype)}`, {
      hint: nameHint(String(dtype), known),
    });
  }
  return { maxShardBytes, dtype, stored: storedTypes[dtype], card, signal };
}
