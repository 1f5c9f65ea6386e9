import { readFileSync } from 'node:fs';
import { URL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fromHuggingFace, toHuggingFace, toNative } from '../../lib/model/config.ts';
import { ropeFrequencies, yarnAttentionFactor } from '../../lib/model/rope.ts';
import type { JsonObject } from '../../lib/util/json.ts';

interface GoldenCase {
  readonly name: string;
  readonly config: JsonObject;
  readonly frequencies: readonly number[];
  readonly scale: number;
}

const golden = JSON.parse(readFileSync(new URL('../golden/rope.json', import.meta.url), 'utf8')) as { cases: GoldenCase[] };

const llama: JsonObject = {
  model_type: 'llama',
  hidden_size: 256,
  num_attention_heads: 4,
  num_hidden_layers: 1,
  intermediate_size: 64,
  vocab_size: 300,
};

/** Distance in fp32 numbers. */
function ulps(a: number, b: number): number {
  const [left = 0, right = 0] = new Int32Array(Float32Array.of(a, b).buffer);
  return Math.abs(left - right);
}

describe('rotary frequencies', () => {
  it.each(golden.cases)('are those of transformers: $name', ({ config, frequencies, scale }) => {
    const native = toNative(fromHuggingFace({ ...llama, ...config }));
    expect(native.ropeFrequencies).toHaveLength(frequencies.length);
    // Powers may differ in the last bit, and a division rounds once more.
    frequencies.forEach((frequency, i) => {
      expect(ulps(native.ropeFrequencies[i] as number, frequency), `pair ${i}`).toBeLessThanOrEqual(2);
    });
    expect(native.ropeScale).toBeCloseTo(scale, 14);
  });

  it.each(golden.cases)('survive being saved without the original file: $name', ({ config }) => {
    const { source: _, ...model } = fromHuggingFace({ ...llama, ...config });
    expect(fromHuggingFace(toHuggingFace(model)).rope).toEqual(model.rope);
  });

  it('fall from one radian per position to about one per base', () => {
    const frequencies = ropeFrequencies({ type: 'default', theta: 10_000 }, 64);
    expect(frequencies[0]).toBe(1);
    expect(1 / (frequencies[31] as number)).toBeCloseTo(10_000 ** (62 / 64), 1);
  });
});

describe("YaRN's attention factor", () => {
  it('grows with the logarithm of the factor, and is 1 where nothing is stretched', () => {
    expect(yarnAttentionFactor(4)).toBeCloseTo(1.1386294361, 9);
    expect(yarnAttentionFactor(0.5)).toBe(1);
  });

  it('takes both weights or neither', () => {
    expect(yarnAttentionFactor(40, 1, 1)).toBe(1);
    expect(yarnAttentionFactor(40, 0.6)).toBe(yarnAttentionFactor(40));
    expect(yarnAttentionFactor(40, 0, 1)).toBe(yarnAttentionFactor(40));
  });
});
