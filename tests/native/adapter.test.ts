import { afterAll, describe, expect, test } from 'vitest';

import type { ModelHandle, NativeAdapterModule, TensorGroup } from '../../lib/native/addon.ts';
import { nativeAddon } from '../../lib/native/load.ts';
import { batchOf, codeOf, randomModel, request, sequenceOf, stepOptions } from './addon-fixtures.ts';

/** The boundary's side of adapters; what they compute is tested in lora_test.cc and adapter_test.cc. */

const addon = nativeAddon();
const q = 'model.layers.0.self_attn.q_proj';
const modules: NativeAdapterModule[] = [
  { module: 'model.layers.1.mlp.down_proj', rank: 3, scale: 2 },
  { module: q, rank: 2, scale: 0.5 },
];
const noDropout = { seed: 5n, dropout: 0 };
const batch = batchOf([1, 2, 3, 4, 5]);

const models: ModelHandle[] = [];
afterAll(() => Promise.all(models.map((model) => addon.disposeModel(model))));

async function plainModel(): Promise<ModelHandle> {
  const model = await randomModel(addon);
  models.push(model);
  return model;
}

async function adaptedModel(dropout = 0): Promise<ModelHandle> {
  const model = await plainModel();
  await addon.addAdapter(model, modules, { seed: 5n, dropout });
  return model;
}

async function learn(model: ModelHandle, dropoutSeed?: bigint): Promise<void> {
  const { pass, logp } = await addon.forward(model, batch, dropoutSeed === undefined ? {} : { dropoutSeed });
  await addon.backward(pass, { logp: new Float64Array(logp.length).fill(-1) });
  await addon.step(model, stepOptions);
}

describe('addAdapter', () => {
  test('adds its tensors behind the frozen base', async () => {
    const model = await plainModel();
    const base = addon.tensors(model);
    expect(base.every(({ trainable, adapter }) => trainable && !adapter)).toBe(true);
    const before = await addon.score(model, batch);
    await addon.addAdapter(model, modules, noDropout);
    expect(addon.weightsVersion(model)).toBe(2);
    expect(addon.tensors(model)).toEqual([
      ...base.map((tensor) => ({ ...tensor, trainable: false })),
      { name: `${q}.lora_A.weight`, shape: [2, 32], trainable: true, adapter: true },
      { name: `${q}.lora_B.weight`, shape: [32, 2], trainable: true, adapter: true },
      { name: 'model.layers.1.mlp.down_proj.lora_A.weight', shape: [3, 48], trainable: true, adapter: true },
      { name: 'model.layers.1.mlp.down_proj.lora_B.weight', shape: [32, 3], trainable: true, adapter: true },
    ]);
    expect(await addon.score(model, batch)).toEqual(before);
  });

  test('the same seed gives the same values', async () => {
    const read = async (seed: bigint) => {
      const model = await plainModel();
      await addon.addAdapter(model, modules, { seed, dropout: 0 });
      return addon.readTensor(model, 'weights', `${q}.lora_A.weight`);
    };
    const first = await read(5n);
    expect(await read(5n)).toEqual(first);
    expect(await read(6n)).not.toEqual(first);
    expect(Math.max(...first.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(32));
  });

  test('says what is wrong and leaves the model as it was', async () => {
    // biome-ignore lint/suspicious/noExplicitAny: wrong types on purpose
    const wrong = (value: unknown) => value as any;
    const model = await plainModel();
    const add = (given: unknown, options: unknown = noDropout) => addon.addAdapter(model, wrong(given), wrong(options));
    await expect(add('all')).rejects.toThrow("modules: expected an array, got the string 'all'");
    await expect(add([{ ...modules[0], rank: 0 }])).rejects.toThrow('modules[0].rank: expected an integer from 1');
    await expect(add([{ ...modules[0], rank: 1.5 }])).rejects.toThrow('modules[0].rank: expected an integer');
    await expect(add([{ ...modules[0], scale: Number.NaN }])).rejects.toThrow('modules[0].scale: expected a finite number');
    await expect(add(modules, { seed: 5, dropout: 0 })).rejects.toThrow('options.seed: expected a bigint');
    await expect(add(modules, { seed: 5n, dropout: 1 })).rejects.toThrow('options.dropout: expected a number from 0 to below 1');
    expect(await codeOf(() => add([]))).toBe('ASTARPO_ARGUMENT');
    expect(await codeOf(() => add([...modules, ...modules]))).toBe('ASTARPO_ARGUMENT');
    for (const module of ['model.layers.7.self_attn.q_proj', 'lm_head', 'model.norm', `${q}.weight`]) {
      expect(await codeOf(() => add([{ module, rank: 1, scale: 1 }]))).toBe('ASTARPO_TENSOR_UNKNOWN');
    }
    expect(addon.weightsVersion(model)).toBe(1);
    expect(addon.tensors(model).some(({ adapter }) => adapter)).toBe(false);
  });

  test('wants a model without adapter, gradients, optimizer state, open pass and generation', async () => {
    expect(await codeOf(async () => addon.addAdapter(await adaptedModel(), modules, noDropout))).toBe('ASTARPO_ADAPTER');
    const model = await plainModel();
    const add = () => codeOf(() => addon.addAdapter(model, modules, noDropout));
    const generation = addon.generate(sequenceOf(addon, model, [1]), { ...request, maxTokens: 100 });
    expect(await add()).toBe('ASTARPO_GENERATING');
    await generation;
    const { pass, logp } = await addon.forward(model, batch, {});
    expect(await add()).toBe('ASTARPO_OPEN_PASS');
    await addon.backward(pass, { logp: new Float64Array(logp.length).fill(-1) });
    expect(await add()).toBe('ASTARPO_ADAPTER');
    await addon.step(model, stepOptions);
    expect(await add()).toBe('ASTARPO_ADAPTER');
    const copy = await addon.copyModel(model);
    models.push(copy);
    expect(await codeOf(() => addon.addAdapter(copy, modules, noDropout))).toBe('ASTARPO_ARGUMENT');
  });
});

describe('a model with an adapter', () => {
  test('trains its adapter alone; a copy with the adapter off stays the base', async () => {
    const model = await adaptedModel();
    const base = await addon.score(model, batch);
    const off = await addon.copyModel(model, { adapter: 'off' });
    models.push(off);
    const weight = await addon.readTensor(model, 'weights', `${q}.weight`);
    await learn(model);
    await learn(model);
    const learnt = await addon.score(model, batch);
    expect(learnt).not.toEqual(base);
    expect(await addon.score(off, batch)).toEqual(base);
    expect(await addon.readTensor(model, 'weights', `${q}.weight`)).toEqual(weight);
    expect(addon.tensors(off).some(({ adapter, trainable }) => adapter || trainable)).toBe(false);

    const copy = await addon.copyModel(model);
    models.push(copy);
    await learn(model);
    expect(await addon.score(copy, batch)).toEqual(learnt);
    // The reference's rows of a KL come from the shared base.
    const { rows, logp } = await addon.rows(off, batch);
    expect(logp).toEqual(base);
    const { pass, kl } = await addon.forward(model, batch, { rows });
    expect(kl?.some((value) => value > 1e-6)).toBe(true);
    addon.dropPass(pass);
    expect(await codeOf(() => addon.copyModel(model, { adapter: 'on' as 'off' }))).toBe('ASTARPO_ARGUMENT');
  });

  test('has gradients and optimizer state of its adapter only', async () => {
    const model = await adaptedModel();
    await learn(model);
    for (const group of ['gradient', 'exp_avg', 'exp_avg_sq', 'master'] satisfies TensorGroup[]) {
      expect((await addon.readTensor(model, group, `${q}.lora_B.weight`)).length).toBe(64);
      expect(await codeOf(() => addon.readTensor(model, group, `${q}.weight`))).toBe('ASTARPO_ARGUMENT');
    }
    expect(await codeOf(() => addon.initModel(model, 1n, 0.1))).toBe('ASTARPO_ADAPTER');
  });

  test('generates what it scores', async () => {
    const model = await adaptedModel();
    await learn(model);
    const sequence = sequenceOf(addon, model, [7, 8]);
    const { tokens, logps } = await addon.generate(sequence, { ...request, maxTokens: 30 });
    const scored = await addon.score(model, batchOf([7, 8, ...tokens]));
    expect([...scored.subarray(1)].map((value, i) => Math.abs(value - (logps[i] ?? 0)) < 1e-4)).toEqual(Array(30).fill(true));
    // The weights change: keys that are cached must not be used again.
    await learn(model);
    const fresh = sequenceOf(addon, model, [...addon.sequenceTokens(sequence)]);
    const after = await addon.generate(sequence, request);
    expect(after).toEqual(await addon.generate(fresh, request));
  });

  test('with dropout wants a seed for passes that keep their graph', async () => {
    const model = await adaptedModel(0.5);
    expect(await codeOf(() => addon.forward(model, batch, {}))).toBe('ASTARPO_ARGUMENT');
    expect(await codeOf(() => addon.forward(model, batch, { dropoutSeed: 1 as unknown as bigint }))).toBe('ASTARPO_ARGUMENT');
    await learn(model, 1n); // B is 0 before
    const logps = async (dropoutSeed: bigint) => {
      const { pass, logp } = await addon.forward(model, batch, { dropoutSeed });
      addon.dropPass(pass);
      return logp;
    };
    expect(await logps(1n)).toEqual(await logps(1n));
    expect(await logps(1n)).not.toEqual(await logps(2n));
    expect(await addon.score(model, batch)).toEqual(await addon.score(model, batch));
  });
});

describe('merging', () => {
  test('there and back, with nothing trained in between', async () => {
    const model = await adaptedModel();
    expect(await codeOf(() => addon.unmergeAdapter(model))).toBe('ASTARPO_ADAPTER');
    await learn(model);
    const before = await addon.score(model, batch);
    const version = addon.weightsVersion(model);
    const folded = await addon.readTensor(model, 'merged', `${q}.weight`);
    await addon.mergeAdapter(model);
    const merged = await addon.score(model, batch);
    for (const [i, value] of merged.entries()) expect(value).toBeCloseTo(before[i] ?? Number.NaN, 4);
    expect(await addon.readTensor(model, 'merged', `${q}.weight`)).toEqual(folded);
    expect(await addon.readTensor(model, 'weights', `${q}.weight`)).not.toEqual(folded);
    for (const act of [
      () => addon.mergeAdapter(model),
      () => addon.forward(model, batch, {}),
      () => addon.step(model, stepOptions),
      () => addon.loadTensors(model, 'weights', '/dev/null', []),
    ]) {
      expect(await codeOf(act)).toBe('ASTARPO_ADAPTER');
    }
    await addon.unmergeAdapter(model);
    expect(addon.weightsVersion(model)).toBeGreaterThan(version + 1);
    expect(await addon.score(model, batch)).toEqual(before);
    await learn(model);
  });

  test('needs an adapter; without one the group merged is the weights', async () => {
    const model = await plainModel();
    expect(await codeOf(() => addon.mergeAdapter(model))).toBe('ASTARPO_ADAPTER');
    const weight = await addon.readTensor(model, 'weights', `${q}.weight`);
    expect(await addon.readTensor(model, 'merged', `${q}.weight`)).toEqual(weight);
    expect(await codeOf(() => addon.loadTensors(model, 'merged', '/dev/null', []))).toBe('ASTARPO_ARGUMENT');
  });
});
