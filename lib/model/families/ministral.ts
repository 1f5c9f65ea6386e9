import { type DecoderDefaults, readDecoder, writeDecoder } from './decoder-keys.ts';
import type { Family } from './family.ts';
import { commonWindow, readWindows, writeLayerTypes } from './sliding-layers.ts';

/** Of Mistral's configuration class in transformers, and of Ministral's. */
export const mistralDefaults = {
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 14_336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131_072,
  eos_token_id: 2,
} satisfies DecoderDefaults;

/** Mistral with layers of two kinds: those that `layer_types` names slide over `sliding_window` keys, or all where it is null. */
export const ministral: Family<'MinistralForCausalLM'> = {
  architecture: 'MinistralForCausalLM',
  modelType: 'ministral',
  models: 'Ministral',
  biases: { qkvBias: false, outputBias: false, mlpBias: false, qkNorm: false },
  read(config) {
    const common = readDecoder(config, mistralDefaults);
    return {
      ...common,
      ...ministral.biases,
      // transformers fails without these three, also where no layer slides.
      kvHeads: config.number('num_key_value_heads', mistralDefaults.num_key_value_heads),
      headDim: config.number('head_dim'),
      windows: readWindows(config, common.layers, config.number('sliding_window', 4096), () => true),
    };
  },
  write(config) {
    const window = commonWindow(config) ?? config.maxPositions;
    return { ...writeDecoder(config), sliding_window: window, ...writeLayerTypes(config) };
  },
};
