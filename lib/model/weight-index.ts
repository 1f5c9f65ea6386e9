import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { ioError } from '../util/atomic-file.ts';
import { type JsonObject, shortJson } from '../util/json.ts';
import { asJsonObject, readJsonFile } from './files.ts';
import { damagedFile, readSafetensors, type SafetensorsFile } from './safetensors.ts';

/** The index of a model whose weights are spread over several files: which tensor is in which. */
export const weightIndexName = 'model.safetensors.index.json';
export const weightFileName = 'model.safetensors';

/** Names of the files that a folder's index names, sorted; undefined without an index. Throws ASTARPO_IO, ASTARPO_SAFETENSORS. */
export async function readShardNames(folder: string): Promise<string[] | undefined> {
  const index = await readWeightMap(folder);
  return index === undefined ? undefined : [...new Set(index.values())].sort();
}

/**
 * The weight files of a Hugging Face folder: `model.safetensors`, also beside an index, as transformers takes it; else the shards that
 * `model.safetensors.index.json` names.
 * Throws ASTARPO_IO when there is neither, ASTARPO_SAFETENSORS when index and shards disagree.
 */
export async function readWeightFiles(folder: string): Promise<SafetensorsFile[]> {
  const present = await readdir(folder).catch((error: unknown) => {
    throw ioError('read', folder, error);
  });
  if (present.includes(weightFileName)) return [await readSafetensors(join(folder, weightFileName))];
  const index = await readWeightMap(folder);
  const names = shardFileNames(folder, present, index);
  const files = new Map<string, SafetensorsFile>();
  for (const name of names) files.set(name, await readSafetensors(join(folder, name)));
  refuseDuplicates([...files.values()]);
  for (const [tensor, shard] of index ?? []) {
    if (files.get(shard)?.tensors.has(tensor) === true) continue;
    throw damagedFile(join(folder, weightIndexName), `expected ${shortJson(tensor)} in ${shard}, got a shard without it`);
  }
  return [...files.values()];
}

/** Tensor name to file name. */
async function readWeightMap(folder: string): Promise<Map<string, string> | undefined> {
  const path = join(folder, weightIndexName);
  const json = await readJsonFile(path, 'ASTARPO_SAFETENSORS');
  if (json === undefined) return undefined;
  const weightMap: JsonObject | undefined = asJsonObject(json.weight_map);
  if (weightMap === undefined) throw damagedFile(path, `expected an object "weight_map", got ${shortJson(json.weight_map)}`);
  return new Map(
    Object.entries(weightMap).map(([tensor, shard]) => {
      // A shard lies beside its index: a path would let a downloaded index read elsewhere.
      if (typeof shard === 'string' && shard === basename(shard) && shard.endsWith('.safetensors')) return [tensor, shard];
      throw damagedFile(path, `expected names of .safetensors files in "weight_map", got ${shortJson(shard)} for ${shortJson(tensor)}`);
    }),
  );
}

function shardFileNames(folder: string, present: readonly string[], index: ReadonlyMap<string, string> | undefined): readonly string[] {
  if (index === undefined) {
    const other = present.filter((name) => /\.(bin|pt|pth|gguf|safetensors)$/.test(name));
    throw new AStarPOError(
      'ASTARPO_IO',
      `expected ${weightFileName} or ${weightIndexName} in ${folder}, got ${other.length === 0 ? 'no weights' : other.slice(0, 3).join(', ')}`,
      { hint: 'other formats are converted by transformers: AutoModelForCausalLM.from_pretrained(…).save_pretrained(…)' },
    );
  }
  const shards = [...new Set(index.values())].sort();
  const absent = shards.find((shard) => !present.includes(shard));
  if (absent === undefined) return shards;
  throw damagedFile(join(folder, weightIndexName), `expected the shard ${absent} beside the index, got no such file`);
}

/** Which of two equal names is meant, nothing says. */
function refuseDuplicates(files: readonly SafetensorsFile[]): void {
  const home = new Map<string, string>();
  for (const { path, tensors } of files) {
    for (const name of tensors.keys()) {
      const other = home.get(name);
      if (other !== undefined) throw damagedFile(path, `expected ${shortJson(name)} in one file, got it in ${basename(other)} too`);
      home.set(name, path);
    }
  }
}
