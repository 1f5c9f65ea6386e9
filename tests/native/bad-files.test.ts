import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, open, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AStarPOError } from '../../lib/errors.ts';
import { Policy } from '../../lib/model/policy.ts';
import { maxHeaderBytes } from '../../lib/model/safetensors.ts';
import { goldenPath, withTemporaryFolder } from './golden.ts';

/** A tensor as a header describes it: offsets count from the end of the header. */
interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}
type Header = Record<string, Entry>;

const weights = 'model.safetensors';
const index = 'model.safetensors.index.json';
const norm = 'model.norm.weight';
const head = 'lm_head.weight';

/** A copy of the golden model whose files a test changes. */
function withModel<T>(use: (folder: string) => Promise<T>): Promise<T> {
  return withTemporaryFolder(async (folder) => {
    for (const name of ['config.json', 'tokenizer.json', weights]) await cp(goldenPath(`untied/${name}`), join(folder, name));
    return await use(folder);
  });
}

/** Rewrites the weight file with a changed header and changed data; `ending` follows the header's JSON. */
async function rewrite(
  folder: string,
  change: (header: Header, data: Buffer) => Buffer | undefined,
  ending: (length: number) => string = (length) => ' '.repeat((8 - (length % 8)) % 8),
): Promise<void> {
  const bytes = await readFile(join(folder, weights));
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: _, ...header } = JSON.parse(bytes.subarray(8, start).toString()) as Header & { __metadata__: unknown };
  const data = Buffer.from(bytes.subarray(start));
  const changed = change(header, data) ?? data;
  const json = JSON.stringify(header);
  const text = Buffer.from(json + ending(json.length));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFile(join(folder, weights), Buffer.concat([length, text, changed]));
}

function entry(header: Header, name: string): Entry {
  const found = header[name];
  if (found === undefined) throw new Error(`the golden model has no ${name}`);
  return found;
}

const damage = (put: (data: Buffer, at: number) => void) => (header: Header, data: Buffer) => {
  put(data, entry(header, norm).data_offsets[0] + 8);
  return undefined;
};

/** Moves everything into shards: the layers, and the rest. */
async function shard(folder: string, change: (map: Record<string, string>) => void = () => undefined): Promise<void> {
  const first = 'model-00001-of-00002.safetensors';
  const second = 'model-00002-of-00002.safetensors';
  await using policy = await Policy.load(folder);
  await policy.save(join(folder, 'sharded'), { maxShardBytes: 100_000, card: false });
  for (const name of await readdir(join(folder, 'sharded')))
    if (/^model/.test(name)) await rename(join(folder, 'sharded', name), join(folder, name));
  await rm(join(folder, weights));
  const json = JSON.parse(await readFile(join(folder, index), 'utf8')) as { weight_map: Record<string, string> };
  expect(new Set(Object.values(json.weight_map))).toEqual(new Set([first, second]));
  change(json.weight_map);
  await writeFile(join(folder, index), JSON.stringify(json));
}

async function failure(folder: string): Promise<AStarPOError> {
  try {
    await (await Policy.load(folder)).dispose();
  } catch (error) {
    if (error instanceof AStarPOError) return error;
    throw error;
  }
  throw new Error('the model was loaded');
}

describe('weights that cannot be used are refused by file and tensor, with a remedy', () => {
  const nan = (data: Buffer, at: number) => data.writeFloatLE(Number.NaN, at);
  it.each<[string, string, RegExp, (folder: string) => Promise<void>]>([
    ['cut in the header', 'ASTARPO_SAFETENSORS', /model\.safetensors/, (f) => truncate(join(f, weights), 500)],
    ['cut in the data', 'ASTARPO_SAFETENSORS', /model\.safetensors.*bytes/, (f) => truncate(join(f, weights), 100_000)],
    ['empty', 'ASTARPO_SAFETENSORS', /model\.safetensors.*at least 8 bytes, got 0/, (f) => truncate(join(f, weights), 0)],
    [
      'no safetensors at all',
      'ASTARPO_SAFETENSORS',
      /model\.safetensors.*header/,
      (f) => writeFile(join(f, weights), 'version https://git-lfs.example/spec/v1'),
    ],
    [
      'overlapping',
      'ASTARPO_SAFETENSORS',
      /model\.safetensors.*"model\..*overlaps/,
      (f) =>
        rewrite(f, (header) => {
          const { data_offsets: at } = entry(header, norm);
          at[0] -= 16;
          at[1] -= 16;
          return undefined;
        }),
    ],
    [
      'not aligned',
      'ASTARPO_SAFETENSORS',
      /model\.safetensors.*"lm_head\.weight.*not aligned/,
      (f) =>
        rewrite(
          f,
          () => undefined,
          (n) => ' '.repeat(9 - (n % 8)),
        ),
    ],
    [
      'of a header of 100 MB',
      'ASTARPO_SAFETENSORS',
      /model\.safetensors.*100000000/,
      async (f) => {
        const file = await open(join(f, weights), 'r+');
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(100 * 2 ** 20));
        await file.write(length, 0, 8, 0);
        await file.truncate(2 * maxHeaderBytes);
        await file.close();
      },
    ],
    [
      'of a header of 100 million bytes that say nothing',
      'ASTARPO_SAFETENSORS',
      /model\.safetensors.*JSON/,
      async (f) => {
        const file = await open(join(f, weights), 'r+');
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(maxHeaderBytes));
        await file.write(length, 0, 8, 0);
        await file.truncate(maxHeaderBytes + 8);
        await file.close();
      },
    ],
    ['NaN', 'ASTARPO_SAFETENSORS', /model\.norm\.weight.*model\.safetensors.*NaN at element 2/, (f) => rewrite(f, damage(nan))],
    [
      'infinite',
      'ASTARPO_SAFETENSORS',
      /model\.norm\.weight.*infinity/,
      (f) =>
        rewrite(
          f,
          damage((data, at) => data.writeFloatLE(Number.NEGATIVE_INFINITY, at)),
        ),
    ],
    [
      'without one of the tensors',
      'ASTARPO_TENSOR_MISSING',
      /lm_head\.weight.*model\.safetensors/,
      (f) =>
        rewrite(f, (header, data) => {
          const [begin, end] = entry(header, head).data_offsets;
          delete header[head];
          for (const { data_offsets: at } of Object.values(header)) if (at[0] >= end) for (const i of [0, 1] as const) at[i] -= end - begin;
          return Buffer.concat([data.subarray(0, begin), data.subarray(end)]);
        }),
    ],
    [
      'with a tensor of another shape',
      'ASTARPO_CONFIG',
      /model\.safetensors.*lm_head\.weight.*\[288,32\].*\[32,288\]/,
      (f) =>
        rewrite(f, (header) => {
          entry(header, head).shape.reverse();
          return undefined;
        }),
    ],
    [
      'with a tensor that the model lacks',
      'ASTARPO_TENSOR_UNKNOWN',
      /model\.safetensors.*lm_head\.wieght/,
      (f) =>
        rewrite(f, (header) => {
          header['lm_head.wieght'] = entry(header, head);
          delete header[head];
          return undefined;
        }),
    ],
    [
      'of whole numbers',
      'ASTARPO_SAFETENSORS',
      /model\.safetensors.*lm_head\.weight.*I32/,
      (f) =>
        rewrite(f, (header) => {
          entry(header, head).dtype = 'I32';
          return undefined;
        }),
    ],
    ['not there', 'ASTARPO_IO', /model\.safetensors.*no weights/, (f) => rm(join(f, weights))],
    ['in another format', 'ASTARPO_IO', /pytorch_model\.bin/, (f) => rename(join(f, weights), join(f, 'pytorch_model.bin'))],
    [
      'a folder',
      'ASTARPO_IO',
      /model\.safetensors.*got a folder/,
      async (f) => {
        await rm(join(f, weights));
        await mkdir(join(f, weights));
      },
    ],
    [
      'a named pipe',
      'ASTARPO_IO',
      /model\.safetensors.*got a named pipe/,
      async (f) => {
        await rm(join(f, weights));
        execFileSync('mkfifo', [join(f, weights)]);
      },
    ],
    [
      'a link in a circle',
      'ASTARPO_IO',
      /model\.safetensors/,
      async (f) => {
        await rm(join(f, weights));
        await symlink(weights, join(f, weights));
      },
    ],
    [
      'a config.json that is a folder',
      'ASTARPO_IO',
      /config\.json.*got a folder/,
      (f) => rm(join(f, 'config.json')).then(() => mkdir(join(f, 'config.json'))),
    ],
    [
      'shards, one of which is not there',
      'ASTARPO_SAFETENSORS',
      /index\.json.*model-00002-of-00002\.safetensors/,
      (f) => shard(f).then(() => rm(join(f, 'model-00002-of-00002.safetensors'))),
    ],
    [
      'shards, one of which lacks what the index promises',
      'ASTARPO_SAFETENSORS',
      /index\.json.*lm_head\.weight.*model-00001/,
      (f) => shard(f, (map) => Object.assign(map, { [head]: 'model-00001-of-00002.safetensors' })),
    ],
    [
      'shards with the same tensors',
      'ASTARPO_SAFETENSORS',
      /model-00002-of-00002\.safetensors.*in one file.*model-00001/,
      (f) => shard(f).then(() => cp(join(f, 'model-00001-of-00002.safetensors'), join(f, 'model-00002-of-00002.safetensors'))),
    ],
    [
      'an index that is no JSON',
      'ASTARPO_SAFETENSORS',
      /index\.json.*JSON/,
      (f) => rm(join(f, weights)).then(() => writeFile(join(f, index), '{')),
    ],
  ])('%s', async (_, code, message, change) => {
    const error = await withModel(async (folder) => {
      await change(folder);
      return await failure(folder);
    });
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint, error.message).toBeDefined();
  });

  it.skipIf(process.getuid?.() === 0)('that may not be read (SKIPPED for root, who may read all)', async () => {
    const error = await withModel(async (folder) => {
      await chmod(join(folder, weights), 0o000);
      return await failure(folder);
    });
    expect(error).toMatchObject({ code: 'ASTARPO_IO', hint: expect.stringContaining('permissions') });
  });

  it('cut between the look at the header and the reading of the bytes', () =>
    withModel(async (folder) => {
      await using policy = await Policy.load(folder);
      const path = join(folder, weights);
      const bytes = await readFile(path);
      const start = 8 + Number(bytes.readBigUInt64LE(0));
      await truncate(path, start + 1000);
      const ranges = [{ name: head, dtype: 'F32' as const, offset: start, length: 288 * 32 * 4 }];
      await expect(policy.native.loadTensors('weights', path, ranges)).rejects.toMatchObject({
        code: 'ASTARPO_SAFETENSORS',
        message: expect.stringMatching(/lm_head\.weight.*model\.safetensors.*too early/),
        hint: expect.stringContaining('fetch it again'),
      });
    }));
});

it('a folder of links loads, as the hub’s cache has them', () =>
  withModel(async (folder) => {
    await mkdir(join(folder, 'snapshot'));
    for (const name of ['config.json', 'tokenizer.json', weights]) await symlink(join('..', name), join(folder, 'snapshot', name));
    await using linked = await Policy.load(join(folder, 'snapshot'));
    await using straight = await Policy.load(folder);
    expect(await linked.contentHash()).toBe(await straight.contentHash());
  }));
