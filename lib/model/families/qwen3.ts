import { readDecoder, writeDecoder } from './decoder-keys.ts';
import type { Family } from './family.ts';
import { qwenDefaults, readQwenWindows, writeQwenWindows } from './qwen-keys.ts';

/** Every query and key head is normalised before it is rotated; `head_dim` is 128 unless the file says otherwise. */
export const qwen3: Family<'Qwen3ForCausalLM'> = {
  architecture: 'Qwen3ForCausalLM',
  modelType: 'qwen3',
  models: 'Qwen3',
  biases: { qkvBias: false, outputBias: false, mlpBias: false, qkNorm: true },
  read(config) {
    const common = readDecoder(config, qwenDefaults);
    const attentionBias = config.boolean('attention_bias', false);
    return {
      ...common,
      ...qwen3.biases,
      qkvBias: attentionBias,
      outputBias: attentionBias,
      headDim: config.number('head_dim', 128),
      windows: readQwenWindows(config, common.layers),
    };
  },
  write(config) {
    return { ...writeDecoder(config), ...writeQwenWindows(config), attention_bias: config.qkvBias };
  },
};
