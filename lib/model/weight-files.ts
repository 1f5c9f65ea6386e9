import { AStarPOError } from '../errors.ts';
import type { StoredDType, TensorInfo, TensorRange } from '../native/addon.ts';
import { groupsWithin } from '../util/groups.ts';
import { nameHint } from '../util/nearest-name.ts';
import type { ModelConfig } from './config.ts';
import type { SafetensorsFile, SafetensorsLayout, StoredTensor } from './safetensors.ts';
import { withTiedHead } from './tied-head.ts';
import { readWeightFiles } from './weight-index.ts';

/** A tensor that a model asks for. */
export type ExpectedTensor = Pick<TensorInfo, 'name' | 'shape'>;

/** What to read from one file. */
export interface WeightFile {
  readonly path: string;
  readonly ranges: TensorRange[];
}

/**
 * Which bytes of a folder's weight files become which tensors. Throws before anything is loaded: ASTARPO_TENSOR_MISSING,
 * ASTARPO_TENSOR_UNKNOWN, ASTARPO_CONFIG (another shape than config.json says), ASTARPO_SAFETENSORS, ASTARPO_IO.
 */
export async function planWeights(folder: string, expected: readonly ExpectedTensor[], config: ModelConfig): Promise<WeightFile[]> {
  const files = await readWeightFiles(folder);
  return planTensors(config.tiedHead ? await withTiedHead(files) : files, expected, (name) => ignorable(name, config));
}

/** The same for given files; tensors that the model does not have are an error unless `ignore` says otherwise. */
export function planTensors(
  files: readonly SafetensorsFile[],
  expected: readonly ExpectedTensor[],
  ignore: (name: string) => boolean = () => false,
): WeightFile[] {
  const wanted = new Map(expected.map(({ name, shape }) => [name, shape]));
  const missing = new Set(wanted.keys());
  const plan = files.map(({ path, tensors }) => {
    const ranges: TensorRange[] = [];
    for (const tensor of tensors.values()) {
      const shape = wanted.get(tensor.name);
      if (shape === undefined) {
        if (ignore(tensor.name)) continue;
        throw new AStarPOError('ASTARPO_TENSOR_UNKNOWN', `${path}: expected only tensors of the model, got ${tensor.name}`, {
          hint: nameHint(tensor.name, [...missing].slice(0, 8), 'still missing'),
        });
      }
      checkShape(path, tensor, shape);
      missing.delete(tensor.name);
      ranges.push(toRange(path, tensor));
    }
    return { path, ranges };
  });
  if (missing.size > 0) {
    const [first] = missing;
    throw new AStarPOError('ASTARPO_TENSOR_MISSING', `expected ${first} in ${namesOf(plan)}, got no such tensor`, {
      hint: `${missing.size} of ${wanted.size} tensors are missing; does config.json belong to these weights? Fetch both again if so`,
    });
  }
  return plan;
}

/** The first file by its path; of shards it is enough. */
function namesOf(files: readonly WeightFile[]): string {
  const [first] = files;
  return files.length > 1 ? `${first?.path} and ${files.length - 1} more` : (first?.path ?? 'no file');
}

/** What one native call reads at most, unless a single tensor is larger: between calls progress is told. */
const partBytes = 128 * 2 ** 20;

/** The ranges in their order, in parts of about 128 MiB. */
export function partsOf(ranges: readonly TensorRange[]): TensorRange[][] {
  return groupsWithin(ranges, partBytes, ({ length }) => length);
}

export function bytesOf(ranges: readonly TensorRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

/** Ranges of a layout's tensors, for writing. */
export function weightRanges(layout: SafetensorsLayout): TensorRange[] {
  return layout.tensors.map((tensor) => toRange('', tensor));
}

/** Stored by some exporters though the model derives it: rotary frequencies, and the head of a model that ties it. */
function ignorable(name: string, config: ModelConfig): boolean {
  return name.endsWith('.rotary_emb.inv_freq') || (config.tiedHead && name === 'lm_head.weight');
}

function checkShape(path: string, tensor: StoredTensor, shape: readonly number[]): void {
  if (tensor.shape.length === shape.length && tensor.shape.every((n, i) => n === shape[i])) return;
  throw new AStarPOError('ASTARPO_CONFIG', `${path}: expected ${tensor.name} to be [${shape}] by config.json, got [${tensor.shape}]`, {
    hint: 'configuration and weights are of different models: fetch both again',
  });
}

function toRange(path: string, { name, dtype, offset, length }: StoredTensor): TensorRange {
  if (!isLoadable(dtype)) {
    throw new AStarPOError('ASTARPO_SAFETENSORS', `${path}: expected ${name} in F32, BF16 or F16, got ${dtype}`, {
      hint: 'quantised weights are not read: fetch the model in bfloat16, or have transformers write it in that',
    });
  }
  return { name, dtype, offset, length };
}

function isLoadable(dtype: string): dtype is StoredDType {
  return dtype === 'F32' || dtype === 'BF16' || dtype === 'F16';
}
