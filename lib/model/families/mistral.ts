import type { ConfigReader } from './config-reader.ts';
import { type DecoderDefaults, headDimOr, readDecoder, writeDecoder } from './decoder-keys.ts';
import type { Family } from './family.ts';
import { commonWindow, readWindows, writeLayerTypes } from './sliding-layers.ts';

const defaults = {
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 14_336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131_072,
  eos_token_id: 2,
} satisfies DecoderDefaults;

/**
 * All layers slide over `sliding_window` keys, 4,096 where the key is absent, unless it is null. With `layer_types` only those
 * slide that it names: transformers then takes its Ministral class, the same decoder.
 */
export const mistral: Family<'MistralForCausalLM'> = {
  architecture: 'MistralForCausalLM',
  modelType: 'mistral',
  models: 'Mistral',
  biases: { qkvBias: false, outputBias: false, mlpBias: false, qkNorm: false },
  read(config) {
    const common = readDecoder(config, defaults);
    const window = config.numberOrNull('sliding_window', 4096);
    if (config.value('layer_types') !== undefined) refuseHalfMinistral(config);
    return {
      ...common,
      ...mistral.biases,
      kvHeads: config.number('num_key_value_heads', defaults.num_key_value_heads),
      headDim: headDimOr(config, common),
      windows: readWindows(config, common.layers, window, () => true),
    };
  },
  write(config) {
    const everywhere = config.windows.every((window) => window > 0);
    return { ...writeDecoder(config), sliding_window: commonWindow(config), ...(everywhere ? {} : writeLayerTypes(config)) };
  },
};

/** Given `layer_types`, transformers needs a width and a window of its own in the file, even where no layer slides. */
function refuseHalfMinistral(config: ConfigReader): void {
  const hint = 'transformers needs it beside layer_types; without that key all layers are alike';
  if (!config.has('head_dim')) throw config.bad('head_dim', 'a number', config.value('head_dim'), hint);
  if (config.value('sliding_window') === null) throw config.bad('sliding_window', 'a number', null, hint);
}
