import { readDecoder, writeDecoder } from './decoder-keys.ts';
import type { Family } from './family.ts';
import { qwenDefaults, readQwenWindows, writeQwenWindows } from './qwen-keys.ts';

/** Biases on the projections of q, k and v, always, and nowhere else. */
export const qwen2: Family<'Qwen2ForCausalLM'> = {
  architecture: 'Qwen2ForCausalLM',
  modelType: 'qwen2',
  models: 'Qwen2, Qwen2.5',
  biases: { qkvBias: true, outputBias: false, mlpBias: false, qkNorm: false },
  read(config) {
    const common = readDecoder(config, qwenDefaults);
    return {
      ...common,
      ...qwen2.biases,
      // Its configuration class does not know the key: null there is no number to transformers either.
      headDim: config.number('head_dim', Math.floor(common.hiddenSize / common.heads)),
      windows: readQwenWindows(config, common.layers),
    };
  },
  write(config) {
    return { ...writeDecoder(config), ...writeQwenWindows(config) };
  },
};
