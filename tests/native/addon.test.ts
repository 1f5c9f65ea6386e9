import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ModelHandle, NativeGenerateRequest, NativeModelConfig } from '../../lib/native/addon.ts';
import { nativeAddon } from '../../lib/native/load.ts';
import { batchOf, codeOf, config, randomModel, request, sequenceOf, stepOptions } from './addon-fixtures.ts';

const addon = nativeAddon();
const options = { device: 'cpu', dtype: 'float32', reproducible: true } as const;
let model: ModelHandle;

beforeAll(async () => {
  model = await randomModel(addon);
});
afterAll(() => addon.disposeModel(model));

describe('the boundary', () => {
  test('exports exactly what lib/native/addon.ts declares', () => {
    const source = readFileSync(new URL('../../lib/native/addon.ts', import.meta.url), 'utf8');
    const body = /export interface NativeAddon \{\n([\s\S]*?)\n\}/.exec(source)?.[1] ?? '';
    const declared = [...body.matchAll(/^ {2}(\w+)\(/gm)].map((match) => match[1]).sort();
    expect(declared.length).toBeGreaterThan(30);
    expect(Object.keys(addon).sort()).toEqual(declared);
  });

  test('info and memory describe the process', () => {
    const info = addon.info();
    expect(info.torch).toMatch(/^\d+\.\d+\.\d+$/);
    expect(info.cpuKernels).toMatch(/^cpu-/);
    expect(info.threads).toBeGreaterThanOrEqual(1);
    const memory = addon.memory('cpu');
    expect(memory.residentBytes).toBeGreaterThan(1e7);
    expect(memory.peakBytes).toBeGreaterThan(1e7);
  });

  test('a CUDA device that does not exist is an error, never the CPU', async () => {
    const missing = `cuda:${addon.info().cudaDevices}`;
    expect(await codeOf(() => addon.createModel(config, { ...options, device: missing }))).toBe('ASTARPO_DEVICE');
    expect(await codeOf(() => addon.memory(missing))).toBe('ASTARPO_DEVICE');
    expect(await codeOf(() => addon.createModel(config, { ...options, device: 'tpu' }))).toBe('ASTARPO_ARGUMENT');
  });

  test('functions that return a promise never throw', async () => {
    for (const name of [
      'createModel',
      'copyModel',
      'initModel',
      'loadTensors',
      'saveTensors',
      'readTensor',
      'generate',
      'score',
      'logits',
      'rows',
    ] as const) {
      const call = addon[name] as (...args: unknown[]) => Promise<unknown>;
      const result = call();
      expect(result, name).toBeInstanceOf(Promise);
      await expect(result, name).rejects.toMatchObject({ code: 'ASTARPO_ARGUMENT' });
    }
  });
});

describe('arguments', () => {
  // biome-ignore lint/suspicious/noExplicitAny: wrong types on purpose
  const wrong = (value: unknown) => value as any;

  test('messages name the argument, what was expected and what came', async () => {
    await expect(addon.createModel({ ...config, heads: 0 }, options)).rejects.toThrow(
      /^config\.heads: expected an integer from 1 to \d+, got the number 0$/,
    );
    await expect(addon.createModel(config, wrong({ ...options, dtype: 'fp8' }))).rejects.toThrow(
      "options.dtype: expected 'float32' or 'bfloat16', got the string 'fp8'",
    );
    await expect(addon.createModel(wrong(null), options)).rejects.toThrow('config: expected an object, got null');
    await expect(addon.step(model, { ...stepOptions, lr: -0.5 })).rejects.toThrow(
      'options.lr: expected a number of at least 0, got the number -0.5',
    );
    await expect(addon.step(model, { ...stepOptions, beta2: 1 })).rejects.toThrow(
      'options.beta2: expected a number from 0 to below 1, got the number 1',
    );
  });

  test('wrong, foreign and forged handles are coded errors', async () => {
    const sequence = addon.createSequence(model);
    for (const value of [undefined, null, 1, 'model', {}, [], sequence, new Proxy(model, {}), Object.create(model), () => 0]) {
      expect(await codeOf(() => addon.tensors(wrong(value)))).toBe('ASTARPO_ARGUMENT');
      expect(await codeOf(() => addon.score(wrong(value), batchOf([1, 2])))).toBe('ASTARPO_ARGUMENT');
    }
    expect(await codeOf(() => addon.sequenceTokens(wrong(model)))).toBe('ASTARPO_ARGUMENT');
    expect(await codeOf(() => addon.abort(wrong(sequence)))).toBe('ASTARPO_ARGUMENT');
    expect(await codeOf(() => addon.score(model, batchOf([1, 2]), wrong({})))).toBe('ASTARPO_ARGUMENT');
    addon.releaseSequence(sequence);
  });

  test('elements of a tensor that are not there are refused', async () => {
    const name = 'model.norm.weight';
    const all = await addon.readTensor(model, 'weights', name);
    expect(await addon.readTensor(model, 'weights', name, 1, 2)).toEqual(all.slice(1, 3));
    expect(await codeOf(() => addon.readTensor(model, 'weights', name, 0, all.length + 1))).toBe('ASTARPO_ARGUMENT');
    expect(await codeOf(() => addon.readTensor(model, 'weights', name, -1))).toBe('ASTARPO_ARGUMENT');
  });

  test('impossible models are refused', async () => {
    const refuse = (changes: Partial<NativeModelConfig>) => codeOf(() => addon.createModel({ ...config, ...changes }, options));
    expect(await refuse({ kvHeads: 3 })).toBe('ASTARPO_CONFIG');
    expect(await refuse({ headDim: 7 })).toBe('ASTARPO_CONFIG');
    expect(await refuse({ layers: 2.5 })).toBe('ASTARPO_ARGUMENT');
  });

  test('a model that does not fit into memory is a coded error', async (context) => {
    if (readFileSync('/proc/sys/vm/overcommit_memory', 'utf8').trim() === '1') {
      console.warn('skipped: this machine promises any amount of memory (vm.overcommit_memory = 1)');
      context.skip();
    }
    const terabytes = { ...config, vocabSize: 2 ** 20, hiddenSize: 2 ** 20 };
    expect(await codeOf(() => addon.createModel(terabytes, options))).toBe('ASTARPO_OUT_OF_MEMORY');
  });

  test('batches are checked', async () => {
    const good = batchOf([1, 2, 3]);
    const refuse = (changes: object) => codeOf(() => addon.score(model, { ...good, ...changes }));
    expect(await refuse({ tokens: [1, 2, 3] })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ tokens: new Float32Array(3) })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ tokens: Int32Array.of(1, 2, 97) })).toMatch(/ASTARPO_(BATCH|TOKEN_RANGE)/);
    expect(await refuse({ offsets: Int32Array.of(0, 4) })).toBe('ASTARPO_BATCH');
    expect(await refuse({ offsets: Int32Array.of(0, 2 ** 30, 3) })).toBe('ASTARPO_BATCH');
    expect(await refuse({ offsets: new Int32Array() })).toBe('ASTARPO_BATCH');
    expect(await refuse({ mask: new Uint8Array(2) })).toBe('ASTARPO_BATCH');
    expect(await refuse({ mask: Uint8Array.of(1, 1, 1) })).toBe('ASTARPO_BATCH');
    expect(await refuse({ temperature: Float32Array.of(0) })).toBe('ASTARPO_BATCH');
    const detached = Int32Array.of(1, 2, 3);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(await refuse({ tokens: detached })).toBe('ASTARPO_BATCH');
  });

  test('requests are checked', async () => {
    const refuse = async (changes: Partial<Record<keyof NativeGenerateRequest, unknown>>, tokens = [1, 2]) => {
      const sequence = sequenceOf(addon, model, tokens);
      const code = await codeOf(() => addon.generate(sequence, wrong({ ...request, ...changes })));
      addon.releaseSequence(sequence);
      return code;
    };
    expect(await refuse({ seed: 1 })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ seed: -1n })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ seed: 2n ** 64n })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ maxTokens: 0 })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ temperature: 0 })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ temperature: Number.NaN })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ topP: 1.5 })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ stopIds: [1] })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({ stopIds: Int32Array.of(97) })).toBe('ASTARPO_TOKEN_RANGE');
    expect(await refuse({ onToken: 'print' })).toBe('ASTARPO_ARGUMENT');
    expect(await refuse({}, [])).toBe('ASTARPO_EMPTY_PROMPT');
    expect(await refuse({}, Array(config.maxPositions).fill(1))).toBe('ASTARPO_CONTEXT');
    expect(await codeOf(() => sequenceOf(addon, model, [97]))).toBe('ASTARPO_TOKEN_RANGE');
    expect(await codeOf(() => sequenceOf(addon, model, [-1]))).toBe('ASTARPO_TOKEN_RANGE');
  });

  test('a getter that throws passes its own error on', async () => {
    const own = new Error('mine');
    const spiteful = Object.defineProperty({ ...options }, 'dtype', {
      get() {
        throw own;
      },
    });
    await expect(addon.createModel(config, spiteful)).rejects.toBe(own);
  });
});

describe('generation', () => {
  test('64-bit seeds are not rounded', async () => {
    const sample = async (seed: bigint) => {
      const sequence = sequenceOf(addon, model, [5, 6, 7]);
      const { tokens } = await addon.generate(sequence, { ...request, seed, maxTokens: 20 });
      addon.releaseSequence(sequence);
      return [...tokens];
    };
    const large = 2n ** 63n + 1n;
    expect(await sample(large)).toEqual(await sample(large));
    expect(await sample(large)).not.toEqual(await sample(large + 1n));
  });

  test('streams every token in order, before the promise settles', async () => {
    const sequence = sequenceOf(addon, model, [1, 2, 3]);
    const streamed: number[] = [];
    const logps: number[] = [];
    const onToken = (id: number, logp: number) => {
      streamed.push(id);
      logps.push(logp);
    };
    const result = await addon.generate(sequence, { ...request, onToken });
    expect(result).toMatchObject({ finish: 'length', version: 1 });
    expect(result.tokens).toBeInstanceOf(Int32Array);
    expect(result.logps).toBeInstanceOf(Float32Array);
    expect(streamed).toEqual([...result.tokens]);
    expect(logps).toEqual([...result.logps]);
    expect([...addon.sequenceTokens(sequence)]).toEqual([1, 2, 3, ...streamed]);
    addon.releaseSequence(sequence);
  });

  test('an onToken that throws ends its generation with that error', async () => {
    const sequence = sequenceOf(addon, model, [1, 2, 3]);
    const own = new Error('enough');
    const onToken = () => {
      throw own;
    };
    await expect(addon.generate(sequence, { ...request, maxTokens: 3000, onToken })).rejects.toBe(own);
    expect([...addon.sequenceTokens(sequence)]).toEqual([1, 2, 3]);
    addon.releaseSequence(sequence);
  });

  test('results do not depend on what runs beside them', async () => {
    const prompts = [[1], [2, 3, 4], Array.from({ length: 100 }, (_, i) => i % 97), [5, 5]];
    const generate = async (prompt: number[], i: number) => {
      const sequence = sequenceOf(addon, model, prompt);
      const result = await addon.generate(sequence, { ...request, seed: BigInt(i), maxTokens: 12 });
      addon.releaseSequence(sequence);
      return result;
    };
    const together = await Promise.all(prompts.map(generate));
    for (const [i, prompt] of prompts.entries()) expect(await generate(prompt, i)).toEqual(together[i]);
  });

  test('a fork keeps its own future', async () => {
    const first = sequenceOf(addon, model, [1, 2, 3]);
    await addon.generate(first, request);
    const fork = addon.forkSequence(first);
    expect(addon.sequenceTokens(fork)).toEqual(addon.sequenceTokens(first));
    const [a, b] = await Promise.all([addon.generate(first, { ...request, seed: 8n }), addon.generate(fork, { ...request, seed: 8n })]);
    expect(a).toEqual(b);
    addon.extendSequence(fork, Int32Array.of(9));
    expect(addon.sequenceTokens(fork).length).toBe(addon.sequenceTokens(first).length + 1);
    addon.releaseSequence(first);
    await addon.generate(fork, request);
    addon.releaseSequence(fork);
  });

  test('abort rejects and leaves the sequence as it was', async () => {
    const sequence = sequenceOf(addon, model, [1, 2, 3]);
    const abort = addon.newAbort();
    let seen = 0;
    const onToken = () => {
      if (++seen === 3) addon.abort(abort);
    };
    await expect(addon.generate(sequence, { ...request, maxTokens: 4000, onToken }, abort)).rejects.toMatchObject({
      code: 'ASTARPO_ABORTED',
    });
    expect([...addon.sequenceTokens(sequence)]).toEqual([1, 2, 3]);
    // An abort that was used before the call.
    expect(await codeOf(() => addon.generate(sequence, request, abort))).toBe('ASTARPO_ABORTED');
    expect(await codeOf(() => addon.score(model, batchOf([1, 2]), abort))).toBe('ASTARPO_ABORTED');
    await addon.generate(sequence, request);
    addon.releaseSequence(sequence);
  });

  test('a busy sequence refuses everything but release', async () => {
    const sequence = sequenceOf(addon, model, [1, 2, 3]);
    const running = addon.generate(sequence, { ...request, maxTokens: 4000 });
    expect(await codeOf(() => addon.generate(sequence, request))).toBe('ASTARPO_BUSY');
    expect(await codeOf(() => addon.extendSequence(sequence, Int32Array.of(1)))).toBe('ASTARPO_BUSY');
    expect(await codeOf(() => addon.sequenceTokens(sequence))).toBe('ASTARPO_BUSY');
    expect(await codeOf(() => addon.forkSequence(sequence))).toBe('ASTARPO_BUSY');
    addon.releaseSequence(sequence);
    await expect(running).rejects.toMatchObject({ code: 'ASTARPO_DISPOSED' });
    addon.releaseSequence(sequence);
    expect(await codeOf(() => addon.sequenceTokens(sequence))).toBe('ASTARPO_DISPOSED');
  });

  test('other work gets its turn between token steps', async () => {
    const sequence = sequenceOf(addon, model, [1, 2, 3]);
    const events: string[] = [];
    const running = addon.generate(sequence, { ...request, maxTokens: 300 }).then(() => events.push('generate'));
    await addon.score(model, batchOf([1, 2, 3])).then(() => events.push('score'));
    await running;
    expect(events).toEqual(['score', 'generate']);
    addon.releaseSequence(sequence);
  });
});

describe('weights', () => {
  test('the version counts initialisations and steps', async () => {
    const fresh = await addon.createModel(config, options);
    expect(addon.weightsVersion(fresh)).toBe(0);
    await addon.initModel(fresh, 1n, 0.1);
    expect(addon.weightsVersion(fresh)).toBe(1);
    const { pass } = await addon.forward(fresh, batchOf([1, 2, 3]), {});
    await addon.backward(pass, { logp: Float64Array.of(-1, -1) });
    const { gradNorm, skipped } = await addon.step(fresh, stepOptions);
    expect(gradNorm).toBeGreaterThan(0);
    expect(skipped).toBe(false);
    expect(addon.weightsVersion(fresh)).toBe(2);
    expect(addon.optimizerStepCount(fresh)).toBe(1);
    addon.setOptimizerStepCount(fresh, 7);
    expect(addon.optimizerStepCount(fresh)).toBe(7);
    await addon.disposeModel(fresh);
  });

  test('old keys are not used after a step', async () => {
    const own = await randomModel(addon);
    const kept = sequenceOf(addon, own, [1, 2, 3]);
    await addon.generate(kept, request);
    const { pass } = await addon.forward(own, batchOf([1, 2, 3]), {});
    await addon.backward(pass, { logp: Float64Array.of(-1, -1) });
    await addon.step(own, stepOptions);
    const fresh = sequenceOf(addon, own, [...addon.sequenceTokens(kept)]);
    const after = await addon.generate(kept, { ...request, seed: 4n });
    expect(after.version).toBe(2);
    expect(after).toEqual(await addon.generate(fresh, { ...request, seed: 4n }));
    await addon.disposeModel(own);
  });

  test('a frozen copy scores the same and does not learn', async () => {
    const own = await randomModel(addon);
    const copy = await addon.copyModel(own);
    const batch = batchOf([1, 2, 3, 4]);
    const before = await addon.score(own, batch);
    expect(await addon.score(copy, batch)).toEqual(before);
    expect(await codeOf(() => addon.forward(copy, batch, {}))).toBe('ASTARPO_ARGUMENT');
    expect(await codeOf(() => addon.step(copy, stepOptions))).toBe('ASTARPO_ARGUMENT');
    const { pass } = await addon.forward(own, batch, {});
    await addon.backward(pass, { logp: Float64Array.of(-1, -1, -1) });
    await addon.step(own, stepOptions);
    expect(await addon.score(own, batch)).not.toEqual(before);
    expect(await addon.score(copy, batch)).toEqual(before);
    await Promise.all([addon.disposeModel(own), addon.disposeModel(copy)]);
  });

  test('weights do not change under a generation or an open pass', async () => {
    const own = await randomModel(addon);
    const sequence = sequenceOf(addon, own, [1, 2, 3]);
    const running = addon.generate(sequence, { ...request, maxTokens: 300 });
    expect(await codeOf(() => addon.step(own, stepOptions))).toBe('ASTARPO_GENERATING');
    expect(await codeOf(() => addon.initModel(own, 1n, 0.1))).toBe('ASTARPO_GENERATING');
    expect(await codeOf(() => addon.loadTensors(own, 'weights', '/nowhere', []))).toBe('ASTARPO_GENERATING');
    await running;

    const opening = addon.forward(own, batchOf([1, 2]), {});
    expect(await codeOf(() => addon.forward(own, batchOf([1, 2]), {}))).toBe('ASTARPO_OPEN_PASS');
    const { pass } = await opening;
    expect(await codeOf(() => addon.step(own, stepOptions))).toBe('ASTARPO_OPEN_PASS');
    expect(await codeOf(() => addon.initModel(own, 1n, 0.1))).toBe('ASTARPO_OPEN_PASS');
    expect(await codeOf(() => addon.forward(own, batchOf([1, 2]), {}))).toBe('ASTARPO_OPEN_PASS');
    addon.dropPass(pass);
    addon.dropPass(pass);
    expect(await codeOf(() => addon.backward(pass, { logp: Float64Array.of(1) }))).toBe('ASTARPO_PASS_CONSUMED');

    const second = await addon.forward(own, batchOf([1, 2]), {});
    const backward = addon.backward(second.pass, { logp: Float64Array.of(1) });
    expect(await codeOf(() => addon.step(own, stepOptions))).toBe('ASTARPO_OPEN_PASS');
    await backward;
    expect(await codeOf(() => addon.backward(second.pass, { logp: Float64Array.of(1) }))).toBe('ASTARPO_PASS_CONSUMED');
    await addon.discardGradients(own);
    await addon.disposeModel(own);
  });

  test('an aborted forward leaves no pass open', async () => {
    const own = await randomModel(addon);
    const abort = addon.newAbort();
    const forward = addon.forward(own, batchOf(Array.from({ length: 4000 }, (_, i) => i % 97)), {}, abort);
    addon.abort(abort);
    await expect(forward).rejects.toMatchObject({ code: 'ASTARPO_ABORTED' });
    const { pass } = await addon.forward(own, batchOf([1, 2]), {});
    addon.dropPass(pass);
    await addon.disposeModel(own);
  });

  test('gradients must fit the pass and be finite', async () => {
    const own = await randomModel(addon);
    const { pass, logp, kl, entropy } = await addon.forward(own, batchOf([1, 2, 3]), { entropy: true });
    expect([logp.length, kl, entropy?.length]).toEqual([2, undefined, 2]);
    expect(await codeOf(() => addon.backward(pass, { logp: Float64Array.of(1) }))).toBe('ASTARPO_ARGUMENT');
    expect(await codeOf(() => addon.backward(pass, { logp: Float64Array.of(1, Number.NaN) }))).toBe('ASTARPO_NON_FINITE');
    expect(await codeOf(() => addon.backward(pass, { logp: Float64Array.of(1, Number.POSITIVE_INFINITY) }))).toBe('ASTARPO_NON_FINITE');
    expect(await codeOf(() => addon.backward(pass, { logp: Float64Array.of(1, 1), kl: Float64Array.of(1, 1) }))).toBe('ASTARPO_ARGUMENT');
    expect(await codeOf(() => addon.backward(pass, { logp: Float64Array.of(1, 1), entropy: Float64Array.of(1) }))).toBe('ASTARPO_ARGUMENT');
    await addon.backward(pass, { logp: Float64Array.of(1, 1), entropy: Float64Array.of(0, 0) });
    await addon.disposeModel(own);
  });

  test('rows of a reference: KL, slices, staleness, release', async () => {
    const own = await randomModel(addon);
    const reference = await addon.copyModel(own);
    const batch = batchOf([1, 2, 3, 4, 5]);
    const { rows, logp } = await addon.rows(reference, batch);
    expect(logp).toEqual(await addon.score(own, batch));
    const forward = await addon.forward(own, batch, { rows });
    for (const value of forward.kl ?? [Number.NaN]) expect(Math.abs(value)).toBeLessThan(1e-6);
    addon.dropPass(forward.pass);
    expect(await codeOf(() => addon.forward(own, batch, { rows, rowsBegin: 1 }))).toBe('ASTARPO_BATCH');
    expect(await codeOf(() => addon.forward(own, batch, { rows, rowsBegin: -1 }))).toBe('ASTARPO_ARGUMENT');
    await addon.initModel(reference, 9n, 0.3);
    expect(await codeOf(() => addon.forward(own, batch, { rows }))).toBe('ASTARPO_STALE');
    addon.releaseRows(rows);
    addon.releaseRows(rows);
    expect(await codeOf(() => addon.forward(own, batch, { rows }))).toBe('ASTARPO_DISPOSED');
    const later = await addon.rows(reference, batch);
    await addon.disposeModel(reference);
    expect(await codeOf(() => addon.forward(own, batch, { rows: later.rows }))).toBe('ASTARPO_DISPOSED');
    await addon.disposeModel(own);
  });
});

describe('dispose', () => {
  test('cancels what is queued or live, and ends every handle of the model', async () => {
    const own = await randomModel(addon);
    const sequences = [1, 2, 3].map((token) => sequenceOf(addon, own, [token]));
    const live = sequences.map((sequence) => addon.generate(sequence, { ...request, maxTokens: 4000 }));
    const queued = addon.score(own, batchOf([1, 2, 3]));
    const ended = Promise.allSettled([...live, queued]);
    await addon.disposeModel(own);
    for (const result of await ended) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ASTARPO_DISPOSED' } });
    await addon.disposeModel(own);
    const [sequence] = sequences;
    if (sequence === undefined) throw new Error('no sequence');
    for (const act of [
      () => addon.tensors(own),
      () => addon.weightsVersion(own),
      () => addon.score(own, batchOf([1, 2])),
      () => addon.createSequence(own),
      () => addon.copyModel(own),
      () => addon.step(own, stepOptions),
      () => addon.sequenceTokens(sequence),
      () => addon.generate(sequence, request),
    ]) {
      expect(await codeOf(act)).toBe('ASTARPO_DISPOSED');
    }
    addon.releaseSequence(sequence);
  });

  test('ends an open pass', async () => {
    const own = await randomModel(addon);
    const { pass } = await addon.forward(own, batchOf([1, 2]), {});
    await addon.disposeModel(own);
    expect(await codeOf(() => addon.backward(pass, { logp: Float64Array.of(1) }))).toBe('ASTARPO_DISPOSED');
    addon.dropPass(pass);
  });

  test('does not touch other models', async () => {
    const own = await randomModel(addon);
    const sequence = sequenceOf(addon, model, [1, 2]);
    const running = addon.generate(sequence, { ...request, maxTokens: 500 });
    await addon.disposeModel(own);
    expect((await running).tokens.length).toBe(500);
    addon.releaseSequence(sequence);
  });
});
