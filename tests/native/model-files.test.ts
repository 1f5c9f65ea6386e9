import { cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelConfig, shapeJson } from '../../lib/model/config.ts';
import { Policy } from '../../lib/model/policy.ts';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import { layoutSafetensors, readSafetensors, writeSafetensors } from '../../lib/model/safetensors.ts';
import { Tokenizer } from '../../lib/model/tokenizer.ts';
import { goldenBatch, goldenPath, goldenScores, readTensors, withTemporaryFolder } from './golden.ts';

const dtypes = ['float32', 'bfloat16'] as const;
const coded = (code: string) => expect.objectContaining({ code });

async function expectEqualFiles(a: string, b: string): Promise<void> {
  expect(Buffer.compare(await readFile(a), await readFile(b))).toBe(0);
}

/** Some learning, so that weights and optimizer state are not what was loaded. */
async function learn(policy: Policy, steps: number, lr = 1e-3): Promise<void> {
  for (let t = 0; t < steps; t++) {
    const pass = await policy.forward(goldenBatch(goldenScores('tied')));
    await policy.backward(pass, { logp: Float64Array.from(pass.logp, (_, i) => Math.cos(i) / pass.logp.length) });
    await policy.step({ lr, weightDecay: 0.01 });
  }
}

describe('saving', () => {
  it.each(dtypes)('a saved folder loads to an equal policy (%s)', (dtype) =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('tied'), { dtype });
      await learn(policy, 2);
      const target = join(folder, 'model');
      await policy.save(target);
      await using loaded = await Policy.load(target, { dtype });
      expect(await loaded.contentHash()).toBe(await policy.contentHash());
      expect(shapeJson(loaded.config)).toEqual(shapeJson(policy.config));
      expect(loaded.config.source).toEqual({ ...policy.config.source, dtype });
      const batch = goldenBatch(goldenScores('tied'));
      expect(await loaded.score(batch)).toEqual(await policy.score(batch));
      expect(await readdir(folder)).toEqual(['model']);
      expect((await readdir(target)).sort()).toEqual([
        'README.md',
        'config.json',
        'generation_config.json',
        'model.safetensors',
        'special_tokens_map.json',
        'tokenizer.json',
        'tokenizer_config.json',
      ]);
      expect(JSON.parse(await readFile(join(target, 'tokenizer_config.json'), 'utf8'))).toMatchObject({
        eos_token: '<|end|>',
        chat_template: policy.chat.template,
      });
    }),
  );

  it('a reference saves to the same folder contents', () =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'));
      await using reference = await ReferenceModel.of(policy);
      await reference.save(join(folder, 'a'));
      await using loaded = await ReferenceModel.load(join(folder, 'a'));
      expect(loaded.hash).toBe(reference.hash);
    }));

  it('replaces an older model, and nothing else', () =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'));
      const target = join(folder, 'model');
      await policy.save(target);
      await learnOther(policy);
      await policy.save(target);
      await using loaded = await Policy.load(target);
      expect(await loaded.contentHash()).toBe(await policy.contentHash());
      await writeFile(join(target, 'notes.md'), 'mine');
      await expect(policy.save(target)).rejects.toThrow(coded('ASTARPO_IO'));
      expect(await readFile(join(target, 'notes.md'), 'utf8')).toBe('mine');
      await expect(policy.save(join(target, 'notes.md', 'x'))).rejects.toThrow(coded('ASTARPO_IO'));
    }));

  async function learnOther(policy: Policy): Promise<void> {
    const pass = await policy.forward(goldenBatch(goldenScores('untied')));
    await policy.backward(pass, { logp: new Float64Array(pass.logp.length).fill(1) });
    await policy.step({ lr: 0.01 });
  }

  it.each(dtypes)('weights and optimizer state of a checkpoint continue bit for bit (%s)', (dtype) =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('tied'), { dtype, reproducible: true });
      await learn(policy, 3);
      await policy.save(join(folder, 'model'));
      await policy.saveOptimizer(join(folder, 'optimizer.safetensors'));
      await using resumed = await Policy.load(join(folder, 'model'), { dtype, reproducible: true });
      await resumed.loadOptimizer(join(folder, 'optimizer.safetensors'));
      expect(resumed.optimizerSteps).toBe(3);
      await resumed.saveOptimizer(join(folder, 'again.safetensors'));
      await expectEqualFiles(join(folder, 'again.safetensors'), join(folder, 'optimizer.safetensors'));
      await learn(policy, 2);
      await learn(resumed, 2);
      expect(await resumed.contentHash()).toBe(await policy.contentHash());
      await policy.saveOptimizer(join(folder, 'a.safetensors'));
      await resumed.saveOptimizer(join(folder, 'b.safetensors'));
      await expectEqualFiles(join(folder, 'b.safetensors'), join(folder, 'a.safetensors'));
    }),
  );

  it.each(dtypes)('loadWeights replaces what was learnt (%s)', async (dtype) => {
    await using policy = await Policy.load(goldenPath('tied'), { dtype });
    const original = await policy.contentHash();
    const version = policy.weightsVersion;
    await learn(policy, 2);
    expect(await policy.contentHash()).not.toBe(original);
    await policy.loadWeights(goldenPath('tied'));
    expect(await policy.contentHash()).toBe(original);
    expect(policy.weightsVersion).toBe(version + 3);
    // A step of no size keeps what was loaded, also where an fp32 master stands behind the weights.
    await learn(policy, 1, 0);
    expect(await policy.contentHash()).toBe(original);
  });

  it('bf16 weights are stored as bf16', () =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'), { dtype: 'bfloat16' });
      await policy.save(join(folder, 'm'));
      const { tensors } = await readSafetensors(join(folder, 'm', 'model.safetensors'));
      expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['BF16']));
    }));
});

describe('new weights', () => {
  const tokenizer = Tokenizer.load(goldenPath('tied'));
  const config = modelConfig({ vocabSize: 260, hiddenSize: 32, layers: 2, heads: 4, kvHeads: 2 });

  it('come from the seed alone, with the spread that was asked for', async () => {
    await using a = await Policy.init(config, { tokenizer: await tokenizer, seed: 1n });
    await using b = await Policy.init(config, { tokenizer: await tokenizer, seed: 1n });
    await using c = await Policy.init(config, { tokenizer: await tokenizer, seed: 2n });
    expect(await b.contentHash()).toBe(await a.contentHash());
    expect(await c.contentHash()).not.toBe(await a.contentHash());
    const read = (name: string) => a.native.addon.readTensor(a.native.handle, 'weights', name);
    const embedding = await read('model.embed_tokens.weight');
    const std = Math.sqrt(embedding.reduce((sum, value) => sum + value * value, 0) / embedding.length);
    expect(std).toBeGreaterThan(0.019);
    expect(std).toBeLessThan(0.021);
    expect(new Set(await read('model.norm.weight'))).toEqual(new Set([1]));
    expect(new Set(await read('model.layers.1.self_attn.k_proj.bias'))).toEqual(new Set([0]));
    expect(a.config.eosTokenIds).toEqual(a.chat.stopIds);
  });

  it('refuse a tokenizer with more ids than the model', async () => {
    const small = modelConfig({ vocabSize: 200, hiddenSize: 32, layers: 1, heads: 4 });
    await expect(Policy.init(small, { tokenizer: await tokenizer, seed: 1n })).rejects.toThrow(coded('ASTARPO_TOKENIZER'));
  });
});

describe('files that are not what they should be', () => {
  /** A copy of the golden model, changed. */
  const changed = (change: (folder: string) => Promise<void>) =>
    withTemporaryFolder(async (folder) => {
      await cp(goldenPath('untied'), folder, { recursive: true });
      await change(folder);
      return await Policy.load(folder).then(
        async (policy) => {
          await policy.dispose();
          return 'loaded';
        },
        (error: { code?: string }) => error.code,
      );
    });
  const editConfig = (folder: string, change: object) =>
    readFile(join(folder, 'config.json'), 'utf8').then((text) =>
      writeFile(join(folder, 'config.json'), JSON.stringify({ ...JSON.parse(text), ...change })),
    );

  /** Rewrites the weights with another list of tensors, values copied by name. */
  async function rewrite(folder: string, keep: (name: string) => boolean, file = 'model.safetensors'): Promise<void> {
    const tensors = await readTensors(goldenPath('untied/model.safetensors'));
    const { tensors: stored } = await readSafetensors(goldenPath('untied/model.safetensors'));
    const layout = layoutSafetensors(
      [...stored.values()].filter(({ name }) => keep(name)).map(({ name, shape }) => ({ name, shape, dtype: 'F32' })),
    );
    await writeSafetensors(join(folder, file), layout, async (temporary) => {
      const whole = Buffer.alloc(layout.fileSize);
      layout.header.copy(whole);
      for (const { name, offset } of layout.tensors) Buffer.from(tensors.get(name)?.buffer ?? new ArrayBuffer(0)).copy(whole, offset);
      await writeFile(temporary, whole);
    });
  }

  it.each<[string, string, (folder: string) => Promise<void>]>([
    ['a truncated file', 'ASTARPO_SAFETENSORS', (f) => truncate(join(f, 'model.safetensors'), 100_000)],
    [
      'a header that lies about its length',
      'ASTARPO_SAFETENSORS',
      (f) => writeFile(join(f, 'model.safetensors'), Buffer.alloc(4000, 0xff)),
    ],
    ['an unknown architecture', 'ASTARPO_ARCHITECTURE', (f) => editConfig(f, { architectures: ['GPT2LMHeadModel'] })],
    ['a configuration of other shapes', 'ASTARPO_CONFIG', (f) => editConfig(f, { intermediate_size: 65 })],
    ['a configuration of more layers', 'ASTARPO_TENSOR_MISSING', (f) => editConfig(f, { num_hidden_layers: 3, layer_types: null })],
    ['a configuration of fewer layers', 'ASTARPO_TENSOR_UNKNOWN', (f) => editConfig(f, { num_hidden_layers: 1, layer_types: null })],
    ['a missing tensor', 'ASTARPO_TENSOR_MISSING', (f) => rewrite(f, (name) => name !== 'lm_head.weight')],
    ['no configuration', 'ASTARPO_IO', (f) => rm(join(f, 'config.json'))],
    ['a configuration that is no JSON', 'ASTARPO_CONFIG', (f) => writeFile(join(f, 'config.json'), '{')],
    ['a tokenizer that is none', 'ASTARPO_TOKENIZER', (f) => writeFile(join(f, 'tokenizer.json'), '{}')],
  ])('%s: %s', async (_, code, change) => {
    expect(await changed(change)).toBe(code);
  });

  it('shards load like one file', async () => {
    await using whole = await Policy.load(goldenPath('untied'));
    await withTemporaryFolder(async (folder) => {
      await cp(goldenPath('untied'), folder, { recursive: true });
      const names = whole.native.tensors().map(({ name }) => name);
      const shard = (name: string) => (name.includes('layers.0') ? 'a.safetensors' : 'b.safetensors');
      for (const file of ['a.safetensors', 'b.safetensors']) await rewrite(folder, (name) => shard(name) === file, file);
      // Beside a single file an index is not read, as in transformers.
      await rm(join(folder, 'model.safetensors'));
      const index = { metadata: {}, weight_map: Object.fromEntries(names.map((name) => [name, shard(name)])) };
      await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
      await using sharded = await Policy.load(folder);
      expect(await sharded.contentHash()).toBe(await whole.contentHash());
    });
  });

  it('optimizer files: only what saveOptimizer wrote', async () => {
    await using policy = await Policy.load(goldenPath('untied'));
    await expect(policy.loadOptimizer(goldenPath('untied/model.safetensors'))).rejects.toThrow(coded('ASTARPO_SAFETENSORS'));
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'o.safetensors');
      await using other = await Policy.load(goldenPath('tied'));
      await other.saveOptimizer(path);
      await expect(policy.loadOptimizer(path)).rejects.toThrow(/ASTARPO|expected/);
      await other.saveOptimizer(path);
      await truncate(path, 200_000);
      await expect(other.loadOptimizer(path)).rejects.toThrow(coded('ASTARPO_SAFETENSORS'));
    });
  });
});
