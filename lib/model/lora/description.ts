import type { Adapter } from './adapter.ts';
import type { AdapterModule, LoraSettings } from './settings.ts';

/** What `policy.lora` tells. */
export interface LoraDescription extends LoraSettings {
  /** The modules that have an adapter, in the order of the layers. */
  readonly modules: readonly AdapterModule[];
  /** Numbers that are trained. */
  readonly parameters: number;
  readonly merged: boolean;
}

export function describeLora({ settings, modules, merged }: Adapter): LoraDescription {
  const parameters = modules.reduce((total, linear) => total + linear.rank * (linear.in + linear.out), 0);
  return { ...settings, modules, parameters, merged };
}
