import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { type ChatOptions, checkChatOptions } from './chat/options.ts';
import type { DeviceOptions } from './device-options.ts';
import { type HubOptions, hubOptionNames } from './hub/hub-options.ts';
import type { LoraOptions } from './lora/options.ts';
import type { ProgressOption } from './progress.ts';

/** How the folder of a model, or of an adapter, or what the hub has under an id, becomes a policy. */
export interface LoadOptions extends DeviceOptions, HubOptions {
  /** Train a new low-rank adapter instead of the weights; `{}` for its defaults. Not with the folder of an adapter, which has its own. */
  readonly lora?: LoraOptions | undefined;
  /** For the folder of an adapter: the model that it belongs to. Default: the one that its adapter_config.json names. */
  readonly base?: string | undefined;
  /** How the chat template is used. Default: the folder's own, as it is. */
  readonly chat?: ChatOptions | undefined;
  /** Default: a bar on stderr when that is a terminal, for what takes more than a second. */
  readonly progress?: ProgressOption | undefined;
  /** Ends downloads and loading with ASTARPO_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

const deviceNames: OptionNames<DeviceOptions> = { device: true, dtype: true, reproducible: true, threads: true };
const names: OptionNames<LoadOptions> = {
  ...deviceNames,
  ...hubOptionNames,
  lora: true,
  base: true,
  chat: true,
  progress: true,
  signal: true,
};

/** `what` takes the options; a reference does not learn, so it takes no `lora`. Throws ASTARPO_UNKNOWN_OPTION, naming the nearest known option, and ASTARPO_OPTION. */
export function checkLoadOptions(what: 'Policy.load' | 'ReferenceModel.load', options: LoadOptions): void {
  const { lora, ...frozen } = names;
  refuseUnknownOptions(what, options, what === 'Policy.load' ? { lora, ...frozen } : frozen);
  if (options.chat !== undefined) checkChatOptions(options.chat);
}

/** Those of the options that say where and how the model runs. */
export function deviceOptionsOf(options: LoadOptions): DeviceOptions {
  return only(options, deviceNames);
}

/** Those that say where on the hub a model is. */
export function hubOptionsOf(options: LoadOptions): HubOptions {
  return only(options, hubOptionNames);
}

function only<O extends object>(options: LoadOptions, wanted: OptionNames<O>): Partial<O> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(wanted, name))) as Partial<O>;
}
