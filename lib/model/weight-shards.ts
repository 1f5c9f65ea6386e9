import { groupsWithin } from '../util/groups.ts';
import type { JsonObject } from '../util/json.ts';
import { storedBytes, type TensorPlan } from './safetensors.ts';
import { weightFileName } from './weight-index.ts';

export interface Shard {
  readonly fileName: string;
  readonly tensors: readonly TensorPlan[];
}

/** Tensors in their order over files of at most `maxBytes` of weights; a tensor that is larger has a file of its own. */
export function planShards(tensors: readonly TensorPlan[], maxBytes: number): Shard[] {
  const groups = groupsWithin(tensors, maxBytes, storedBytes);
  const number = (n: number) => String(n).padStart(5, '0');
  const nameOf = (i: number) => (groups.length === 1 ? weightFileName : `model-${number(i + 1)}-of-${number(groups.length)}.safetensors`);
  return groups.map((group, i) => ({ fileName: nameOf(i), tensors: group }));
}

/** The contents of `model.safetensors.index.json`. */
export function weightIndex(shards: readonly Shard[]): JsonObject {
  const tensors = shards.flatMap((shard) => shard.tensors);
  const count = (sum: number, { shape }: TensorPlan) => sum + shape.reduce((product, n) => product * n, 1);
  return {
    metadata: {
      total_parameters: tensors.reduce(count, 0),
      total_size: tensors.reduce((sum, tensor) => sum + storedBytes(tensor), 0),
    },
    weight_map: Object.fromEntries(shards.flatMap(({ fileName, tensors }) => tensors.map(({ name }) => [name, fileName] as const))),
  };
}
