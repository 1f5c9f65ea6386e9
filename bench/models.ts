import { compactSpecialTokens } from '../lib/model/chat/token-formats.ts';
import { type ModelConfig, modelConfig } from '../lib/model/config.ts';
import type { DeviceOptions } from '../lib/model/device-options.ts';
import { Policy } from '../lib/model/policy.ts';
import { Tokenizer } from '../lib/model/tokenizer.ts';
import { trainBytePairTokenizer } from '../lib/model/train-tokenizer.ts';

/** A model to measure: random weights, since speed does not depend on them. */
export interface BenchModel {
  readonly name: string;
  readonly config: ModelConfig;
  readonly dtype: 'float32' | 'bfloat16';
}

/** The demo's shape. */
export const tiny: BenchModel = {
  name: 'tiny (128 × 3, fp32)',
  dtype: 'float32',
  config: modelConfig({ vocabSize: 1024, hiddenSize: 128, layers: 3, heads: 4, kvHeads: 2, intermediateSize: 384, maxPositions: 2048 }),
};

/** Qwen2.5-0.5B's exact shape. */
export const halfBillion: BenchModel = {
  name: 'Qwen2.5-0.5B shape (bf16)',
  dtype: 'bfloat16',
  config: modelConfig({
    vocabSize: 151_936,
    hiddenSize: 896,
    layers: 24,
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    intermediateSize: 4864,
    maxPositions: 32_768,
    rope: { type: 'default', theta: 1_000_000 },
    tiedHead: true,
    qkvBias: true,
  }),
};

/** Text never matters here: a tokenizer of bytes is enough. */
export function openBenchModel(model: BenchModel, options: DeviceOptions = {}): Promise<Policy> {
  const tokenizer = Tokenizer.fromJson(
    trainBytePairTokenizer([], { vocabSize: 256 + compactSpecialTokens.length, specialTokens: compactSpecialTokens }),
  );
  return Policy.init(model.config, { dtype: model.dtype, ...options, tokenizer, seed: 1n });
}

/** `length` ids that look like nothing in particular, the same for the same `stream`. */
export function syntheticTokens(length: number, vocabSize: number, stream: number): Int32Array {
  let state = (stream * 2654435761 + 1) >>> 0;
  return Int32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * vocabSize);
  });
}
