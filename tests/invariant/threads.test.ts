import { afterAll, expect, it } from 'vitest';
import { initModel } from '../../lib/model/init-model.ts';
import { packBatch } from '../../lib/model/packed-batch.ts';
import { nativeAddon } from '../../lib/native/load.ts';
import { Rng } from '../../lib/util/rng.ts';

// Wide and long enough that products, attention and rows are shared out among threads.
const size = { hidden: 128, layers: 2, heads: 4, kvHeads: 2, vocab: 260, maxPositions: 1024, tiedHead: true, initializerRange: 0.07 };

const before = nativeAddon().info().threads;
afterAll(() => nativeAddon().setThreads(before));

/** Samples, then two optimizer steps, with so many threads. */
async function work(threads: number, dtype: 'float32' | 'bfloat16') {
  await using policy = await initModel([], { ...size, chat: 'compact', seed: 1n }, { dtype, threads, reproducible: true });
  expect(policy.threads).toBe(threads);
  const random = new Rng(5n);
  const tokens = (length: number) => Int32Array.from({ length }, () => random.integer(256));
  const params = { maxTokens: 20, stopIds: [], seed: 3n };
  const sampled = await policy.generate([300, 1, 70].map((length) => ({ prompt: tokens(length), params })));
  const contexts = [700, 3, 250].map((length) => ({
    tokens: tokens(length),
    mask: Uint8Array.from({ length }, (_, i) => (i === 0 ? 0 : 1)),
  }));
  const norms: number[] = [];
  for (let step = 0; step < 2; step++) {
    const pass = await policy.forward(packBatch(contexts), { entropy: true });
    const gradient = Float64Array.from(pass.logp, (_, row) => Math.sin(row) / pass.logp.length);
    await policy.backward(pass, { logp: gradient, entropy: gradient });
    norms.push((await policy.step({ lr: 1e-2 })).gradNorm);
  }
  return { sampled, norms, hash: await policy.contentHash() };
}

it.each(['float32', 'bfloat16'] as const)('in reproducible mode the number of threads changes no bit (%s)', async (dtype) => {
  const one = await work(1, dtype);
  expect(one.norms.every((norm) => norm > 0)).toBe(true);
  for (const threads of [2, 3]) expect(await work(threads, dtype)).toEqual(one);
});
