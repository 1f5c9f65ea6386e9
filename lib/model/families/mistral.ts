import { headDimOr, readDecoder, writeDecoder } from './decoder-keys.ts';
import type { Family } from './family.ts';
import { mistralDefaults } from './ministral.ts';
import { commonWindow, readWindows } from './sliding-layers.ts';

/** All layers slide over `sliding_window` keys, 4,096 where the key is absent, unless it is null. */
export const mistral: Family<'MistralForCausalLM'> = {
  architecture: 'MistralForCausalLM',
  modelType: 'mistral',
  models: 'Mistral',
  biases: { qkvBias: false, outputBias: false, mlpBias: false, qkNorm: false },
  read(config) {
    const common = readDecoder(config, mistralDefaults);
    const window = config.numberOrNull('sliding_window', 4096);
    return {
      ...common,
      ...mistral.biases,
      // Other families may say null here, for as many as heads.
      kvHeads: config.number('num_key_value_heads', mistralDefaults.num_key_value_heads),
      headDim: headDimOr(config, common),
      windows: readWindows(config, common.layers, window, () => true),
    };
  },
  write(config) {
    return { ...writeDecoder(config), sliding_window: commonWindow(config) };
  },
};
