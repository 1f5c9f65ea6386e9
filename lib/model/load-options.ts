import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import type { DeviceOptions } from './device-options.ts';
import type { LoraOptions } from './lora/options.ts';

/** How the folder of a model, or of an adapter, becomes a policy. */
export interface LoadOptions extends DeviceOptions {
  /** Train a new low-rank adapter instead of the weights; `{}` for its defaults. Not with the folder of an adapter, which has its own. */
  readonly lora?: LoraOptions | undefined;
  /** For the folder of an adapter: the model that it belongs to. Default: the one that its adapter_config.json names. */
  readonly base?: string | undefined;
}

const deviceNames: OptionNames<DeviceOptions> = { device: true, dtype: true, reproducible: true, threads: true };
const names: OptionNames<LoadOptions> = { ...deviceNames, lora: true, base: true };

/** `what` takes the options; a reference does not learn, so it takes no `lora`. Throws ASTARPO_UNKNOWN_OPTION, naming the nearest known option. */
export function checkLoadOptions(what: 'Policy.load' | 'ReferenceModel.load', options: LoadOptions): void {
  const { lora, ...frozen } = names;
  refuseUnknownOptions(what, options, what === 'Policy.load' ? { lora, ...frozen } : frozen);
}

/** Those of the options that say where and how the model runs. */
export function deviceOptionsOf(options: LoadOptions): DeviceOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(deviceNames, name)));
}
