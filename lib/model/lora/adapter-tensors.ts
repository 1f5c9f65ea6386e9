import { AStarPOError } from '../../errors.ts';
import type { ModelConfig } from '../config.ts';
import type { SafetensorsFile } from '../safetensors.ts';
import { planTensors, type WeightFile } from '../weight-files.ts';
import { adapterTensorName } from './adapter.ts';
import type { AdapterModule } from './settings.ts';
import { linearModules } from './targets.ts';

/** What PEFT puts before every tensor's name: its own model around the model. */
export const peftPrefix = 'base_model.model.';

/** An adapter's tensors under the model's names. */
export function adapterShapes(modules: readonly AdapterModule[]): { name: string; shape: number[] }[] {
  return modules.flatMap((linear) => [
    { name: adapterTensorName(linear.module, 'A'), shape: [linear.rank, linear.in] },
    { name: adapterTensorName(linear.module, 'B'), shape: [linear.out, linear.rank] },
  ]);
}

/**
 * Which bytes of a PEFT file become which tensors. Throws before anything is loaded, naming file, tensor and shapes: ASTARPO_ADAPTER
 * when the file belongs to another base or to other settings, ASTARPO_TENSOR_MISSING, ASTARPO_SAFETENSORS. `base`: what the
 * adapter's configuration calls its base.
 */
export function planAdapter(
  file: SafetensorsFile,
  modules: readonly AdapterModule[],
  config: ModelConfig,
  base: string | null,
): readonly WeightFile[] {
  const wanted = adapterShapes(modules);
  const shapes = new Map(wanted.map(({ name, shape }) => [`${peftPrefix}${name}`, shape]));
  for (const { name, shape } of file.tensors.values()) {
    const expected = shapes.get(name);
    if (expected === undefined) throw unknownTensor(file.path, name, config, base);
    if (shape.length === 2 && shape.every((n, i) => n === expected[i])) continue;
    throw new AStarPOError('ASTARPO_ADAPTER', `${file.path}: expected ${name} to be [${expected}] in this model, got [${shape}]`, {
      hint: remedy(base),
    });
  }
  for (const name of shapes.keys()) {
    if (file.tensors.has(name)) continue;
    throw new AStarPOError('ASTARPO_TENSOR_MISSING', `expected ${name} in ${file.path}, got no such tensor`, {
      hint: 'adapter_config.json asks for it: fetch both files again',
    });
  }
  const own = [...file.tensors.values()].map((tensor) => ({ ...tensor, name: tensor.name.slice(peftPrefix.length) }));
  return planTensors([{ ...file, tensors: new Map(own.map((tensor) => [tensor.name, tensor])) }], wanted);
}

function unknownTensor(path: string, name: string, config: ModelConfig, base: string | null): AStarPOError {
  const module = /^base_model\.model\.(.+)\.lora_[AB]\.weight$/.exec(name)?.[1];
  const fail = (expected: string, hint: string) =>
    new AStarPOError('ASTARPO_ADAPTER', `${path}: expected ${expected}, got ${name}`, { hint });
  if (module === undefined)
    return fail('lora_A and lora_B of linear modules', 'only plain LoRA on linear modules of the layers is supported');
  if (linearModules(config).some((linear) => linear.module === module)) {
    return fail('the modules that adapter_config.json names', 'fetch both files again: they do not belong together');
  }
  return fail(`linear modules of this model, which has ${config.layers} layers`, remedy(base));
}

/** What to do about an adapter of another base. */
export function remedy(base: string | null): string {
  return base === null
    ? 'load the model that the adapter was trained on; its adapter_config.json names none'
    : `load the model that the adapter was trained on: ${base}`;
}
