import type { NativeModel } from '../native-model.ts';
import type { AdapterModule, LoraSettings } from './settings.ts';

/** The adapter of a model; its numbers are in native memory, as tensors MODULE.lora_A.weight and MODULE.lora_B.weight. */
export interface Adapter {
  readonly settings: LoraSettings;
  readonly modules: readonly AdapterModule[];
  /** Whether the layers multiply by W + scale·B·A, folded into one matrix. */
  readonly merged: boolean;
}

/** The two matrices of a module's adapter: A [rank, in], B [out, rank]. */
export function adapterTensorName(module: string, matrix: 'A' | 'B'): string {
  return `${module}.lora_${matrix}.weight`;
}

/** Whether every B is 0, so that the model says exactly what its base says. */
export async function isFresh(model: NativeModel): Promise<boolean> {
  for (const { module } of model.adapter?.modules ?? []) {
    const values = await model.readTensor(adapterTensorName(module, 'B'));
    if (values.some((value) => value !== 0)) return false;
  }
  return true;
}
