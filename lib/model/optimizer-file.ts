import { AStarPOError } from '../errors.ts';
import type { TensorGroup } from '../native/addon.ts';
import { callNativeSync } from './call-native.ts';
import type { NativeModel } from './native-model.ts';
import { layoutSafetensors, readSafetensors, type SafetensorsFile, type StoredTensor, writeSafetensors } from './safetensors.ts';
import { planTensors } from './weight-files.ts';

/** AdamW's state in fp32 of what is trained, the weights or an adapter: master weights, first and second moment. Stored as '<group>.<tensor>'. */
const groups = ['master', 'exp_avg', 'exp_avg_sq'] as const satisfies readonly TensorGroup[];

/** Writes the optimizer's state into one safetensors file, bit for bit; the step count stands in its metadata. Throws ASTARPO_IO, ASTARPO_STALE. */
export function saveOptimizer(model: NativeModel, path: string): Promise<void> {
  return model.atOneVersion(() => writeOptimizer(model, path));
}

async function writeOptimizer(model: NativeModel, path: string): Promise<void> {
  const tensors = model.trainableTensors();
  const plans = groups.flatMap((group) => tensors.map(({ name, shape }) => ({ name: `${group}.${name}`, dtype: 'F32' as const, shape })));
  const step = callNativeSync(() => model.addon.optimizerStepCount(model.handle));
  const layout = layoutSafetensors(plans, { format: 'astar-po-adamw', step: String(step) });
  await writeSafetensors(path, layout, async (temporary) => {
    for (const group of groups) {
      const own = layout.tensors.filter(({ name }) => name.startsWith(`${group}.`)).map((tensor) => withoutGroup(tensor, group));
      await model.writeTensors(group, temporary, { ...layout, tensors: own });
    }
  });
}

/** Reads what `saveOptimizer` wrote. Throws ASTARPO_SAFETENSORS, ASTARPO_TENSOR_MISSING, ASTARPO_TENSOR_UNKNOWN, ASTARPO_CONFIG. */
export async function loadOptimizer(model: NativeModel, path: string): Promise<void> {
  const file = await readSafetensors(path);
  const step = Number(file.metadata.step);
  if (file.metadata.format !== 'astar-po-adamw' || !Number.isSafeInteger(step) || step < 0) {
    throw new AStarPOError('ASTARPO_SAFETENSORS', `${path}: expected optimizer state, got ${JSON.stringify(file.metadata)}`, {
      hint: 'give the file that saveOptimizer() wrote',
    });
  }
  const unknown = [...file.tensors.keys()].find((name) => !groups.some((group) => name.startsWith(`${group}.`)));
  if (unknown !== undefined)
    throw new AStarPOError('ASTARPO_TENSOR_UNKNOWN', `${path}: expected tensors of ${groups.join(', ')}, got ${unknown}`);
  const expected = model.trainableTensors();
  const plans = groups.map((group) => ({ group, files: planTensors([groupOf(file, group)], expected) }));
  for (const { group, files } of plans) {
    for (const { path: source, ranges } of files) await model.call(() => model.addon.loadTensors(model.handle, group, source, ranges));
  }
  callNativeSync(() => model.addon.setOptimizerStepCount(model.handle, step));
}

function groupOf(file: SafetensorsFile, group: string): SafetensorsFile {
  const own = [...file.tensors.values()].filter(({ name }) => name.startsWith(`${group}.`)).map((tensor) => withoutGroup(tensor, group));
  return { ...file, tensors: new Map(own.map((tensor) => [tensor.name, tensor])) };
}

function withoutGroup(tensor: StoredTensor, group: string): StoredTensor {
  return { ...tensor, name: tensor.name.slice(group.length + 1) };
}
