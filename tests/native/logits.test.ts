// The logits binding, and that generation, scoring and logits agree for models with every feature of the families.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelHandle, NativeBatch, NativeModelConfig } from '../../lib/native/addon.ts';
import { nativeAddon } from '../../lib/native/load.ts';
import { batchOf, codeOf, config, randomModel, request, sequenceOf } from './addon-fixtures.ts';

const everyFeature: Partial<NativeModelConfig> = {
  qkNorm: true,
  outputBias: true,
  mlpBias: true,
  windows: Int32Array.of(5, 0),
  ropeScale: 1.25,
  tiedHead: false,
};

const addon = nativeAddon();
let model: ModelHandle;
beforeAll(async () => {
  model = await randomModel(addon, everyFeature);
});
afterAll(() => addon.disposeModel(model));

/** Log-softmax of one row of `logits`, at a temperature. */
function logProbability(logits: Float32Array, row: number, token: number, temperature: number): number {
  const z = Array.from(logits.subarray(row * config.vocabSize, (row + 1) * config.vocabSize), (value) => value / temperature);
  const largest = Math.max(...z);
  const sum = z.reduce((total, value) => total + Math.exp(value - largest), 0);
  return (z[token] ?? Number.NaN) - largest - Math.log(sum);
}

describe('logits', () => {
  const batch: NativeBatch = {
    tokens: Int32Array.of(5, 6, 7, 8, 9, 30, 31, 32, 33, 34, 35, 36),
    offsets: Int32Array.of(0, 5, 5, 12),
    mask: Uint8Array.of(0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1),
    temperature: Float32Array.of(1, 1, 0.7),
  };

  test('are one row per masked token, and their log-softmax at the temperature is the score', async () => {
    const [logits, scores] = [await addon.logits(model, batch), await addon.score(model, batch)];
    expect(logits).toHaveLength(5 * config.vocabSize);
    const rows = [...batch.mask.keys()].filter((t) => batch.mask[t] === 1);
    rows.forEach((t, row) => {
      const temperature = t < 5 ? 1 : 0.7;
      expect(scores[row]).toBeCloseTo(logProbability(logits, row, batch.tokens[t] ?? -1, temperature), 4);
    });
    const other = await addon.logits(model, { ...batch, temperature: Float32Array.of(2, 2, 2) });
    expect(other).toEqual(logits);
  });

  test('of no rows are empty', async () => {
    expect(await addon.logits(model, { ...batch, mask: new Uint8Array(12) })).toHaveLength(0);
  });

  test('beyond a gibibyte are refused before anything is computed', async () => {
    const wide = await randomModel(addon, { vocabSize: 2 ** 18, hiddenSize: 8, layers: 1, windows: Int32Array.of(0), qkvBias: false });
    const tooMany = batchOf(Array.from({ length: 1026 }, (_, i) => i));
    expect(await codeOf(() => addon.logits(wide, tooMany))).toBe('ASTARPO_BATCH');
    await expect(addon.logits(wide, tooMany)).rejects.toThrow(
      'expected logits of at most 1073741824 bytes, got 1025 rows of 1048576 bytes: ask for fewer tokens by the mask',
    );
    await addon.disposeModel(wide);
  });

  test('can be aborted', async () => {
    const abort = addon.newAbort();
    const long = batchOf(Array.from({ length: 4000 }, (_, i) => i % 97));
    const result = codeOf(() => addon.logits(model, long, abort));
    addon.abort(abort);
    expect(await result).toBe('ASTARPO_ABORTED');
  });
});

describe('a model with q/k norm, every bias and windows', () => {
  test('generates with the log-probs that scoring gives, bit for bit', async () => {
    const prompt = Array.from({ length: 20 }, (_, i) => (i * 7) % 97);
    const sequence = sequenceOf(addon, model, prompt);
    const { tokens, logps } = await addon.generate(sequence, { ...request, maxTokens: 40 });
    const all = batchOf([...prompt, ...tokens]);
    const scores = await addon.score(model, all);
    expect(scores.slice(prompt.length - 1)).toEqual(logps);
    addon.releaseSequence(sequence);
  });

  test('differs from the model without each of them', async () => {
    const batch = batchOf(Array.from({ length: 12 }, (_, i) => i + 1));
    const seen = new Set([String(await addon.score(model, batch))]);
    for (const plain of [{ qkNorm: false }, { windows: new Int32Array(2) }, { ropeScale: 1 }]) {
      const other = await randomModel(addon, { ...everyFeature, ...plain });
      seen.add(String(await addon.score(other, batch)));
      await addon.disposeModel(other);
    }
    expect(seen.size).toBe(4);
  });
});
