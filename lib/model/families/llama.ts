import type { ConfigReader } from './config-reader.ts';
import { type DecoderDefaults, headDimOr, readDecoder, writeDecoder } from './decoder-keys.ts';
import type { Family } from './family.ts';
import { readSlidingLayers } from './sliding-layers.ts';

const defaults: DecoderDefaults = {
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 11_008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: null,
  max_position_embeddings: 2048,
  eos_token_id: 2,
};

/** Optional biases: `attention_bias` on q, k, v and o, `mlp_bias` on gate, up and down. `pretraining_tp` changes nothing. */
export const llama: Family<'LlamaForCausalLM'> = {
  architecture: 'LlamaForCausalLM',
  modelType: 'llama',
  models: 'Llama 2 and 3, SmolLM2',
  biases: { qkvBias: false, outputBias: false, mlpBias: false, qkNorm: false },
  read(config) {
    const common = readDecoder(config, defaults);
    const { hiddenSize, heads } = common;
    if (hiddenSize % heads !== 0) throw config.bad('hidden_size', `a multiple of num_attention_heads (${heads})`, hiddenSize);
    refuseSliding(config, common.layers);
    const attentionBias = config.boolean('attention_bias', false);
    return {
      ...common,
      ...llama.biases,
      qkvBias: attentionBias,
      outputBias: attentionBias,
      mlpBias: config.boolean('mlp_bias', false),
      headDim: headDimOr(config, common),
      windows: [],
    };
  },
  write(config) {
    return { ...writeDecoder(config), attention_bias: config.qkvBias, mlp_bias: config.mlpBias };
  },
};

/** transformers ignores a window of this family in a forward pass and honours it in its cache. */
function refuseSliding(config: ConfigReader, layers: number): void {
  const hint = 'Llama models attend to the whole context';
  if (config.has('sliding_window')) throw config.bad('sliding_window', 'absent or null', config.value('sliding_window'), hint);
  if (!readSlidingLayers(config, layers)?.includes(true)) return;
  throw config.bad('layer_types', '"full_attention" in every layer', config.value('layer_types'), hint);
}
