import type { JsonObject, JsonValue } from '../../util/json.ts';
import type { ModelConfig } from '../config.ts';
import type { ConfigReader } from './config-reader.ts';
import type { DecoderFields } from './family.ts';
import { readRope, writeRope } from './rope-keys.ts';

/** Values that a family's configuration class in transformers gives to absent keys. */
export interface DecoderDefaults {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  /** null: as many as attention heads. */
  readonly num_key_value_heads: number | null;
  readonly max_position_embeddings: number;
  readonly eos_token_id: number | null;
}

/** Fields that mean the same in every family. The rest is what makes a family. */
export type CommonFields = Omit<DecoderFields, 'headDim' | 'qkvBias' | 'outputBias' | 'mlpBias' | 'qkNorm' | 'windows'>;

/**
 * Reads the keys that all families share. `attention_dropout` is not among them: it would act in training alone, and a policy
 * gradient needs the log-probs of exactly the policy that sampled.
 */
export function readDecoder(config: ConfigReader, defaults: DecoderDefaults): CommonFields {
  refuseWhatIsNotBuilt(config);
  const count = (key: keyof DecoderDefaults & string) => config.number(key, defaults[key] ?? undefined);
  const vocabSize = count('vocab_size');
  const heads = count('num_attention_heads');
  const maxPositions = count('max_position_embeddings');
  const paddingTokenId = readPadding(config, vocabSize);
  return {
    vocabSize,
    hiddenSize: count('hidden_size'),
    intermediateSize: count('intermediate_size'),
    layers: count('num_hidden_layers'),
    heads,
    kvHeads: config.numberOrNull('num_key_value_heads', defaults.num_key_value_heads) ?? heads,
    maxPositions,
    rmsNormEps: config.number('rms_norm_eps', 1e-6),
    rope: readRope(config, maxPositions),
    tiedHead: config.boolean('tie_word_embeddings', false),
    eosTokenIds: readEos(config, vocabSize, defaults.eos_token_id),
    ...(paddingTokenId === undefined ? {} : { paddingTokenId }),
    initializerRange: config.number('initializer_range', 0.02),
  };
}

/** The keys of `readDecoder`, and `head_dim`. */
export function writeDecoder(config: ModelConfig): JsonObject {
  return {
    eos_token_id: eosJson(config),
    head_dim: config.headDim,
    hidden_act: 'silu',
    hidden_size: config.hiddenSize,
    initializer_range: config.initializerRange,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: config.maxPositions,
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.kvHeads,
    ...(config.paddingTokenId === undefined ? {} : { pad_token_id: config.paddingTokenId }),
    rms_norm_eps: config.rmsNormEps,
    ...writeRope(config.rope),
    tie_word_embeddings: config.tiedHead,
    vocab_size: config.vocabSize,
  };
}

/** One id, several, or null: how the files of transformers write it. */
export function eosJson(config: Pick<ModelConfig, 'eosTokenIds'>): JsonValue {
  return config.eosTokenIds.length === 1 ? (config.eosTokenIds[0] ?? null) : config.eosTokenIds.length === 0 ? null : config.eosTokenIds;
}

/**
 * Ids of `eos_token_id`: a number, a list or null. One beyond the vocabulary is left out: transformers warns about it and can
 * never meet it.
 */
export function readEos(config: ConfigReader, vocabSize: number, fallback: number | null = null): number[] {
  const value = config.value('eos_token_id') === undefined ? fallback : (config.value('eos_token_id') ?? null);
  if (value === null) return [];
  const ids: readonly JsonValue[] = Array.isArray(value) ? value : [value];
  const read = ids.map((id) => {
    if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) return id;
    throw config.bad('eos_token_id', 'a token id or a list of them', value);
  });
  return read.filter((id) => id < vocabSize);
}

/**
 * `pad_token_id` as torch's Embedding takes it: below 0 it counts from the end of the vocabulary, so that the -1 of old files means the
 * last token. Beyond the vocabulary, which transformers warns about and cannot build, it means none.
 */
function readPadding(config: ConfigReader, vocabSize: number): number | undefined {
  const id = config.numberOrNull('pad_token_id', null);
  if (id === null) return undefined;
  if (!Number.isSafeInteger(id)) throw config.bad('pad_token_id', 'a token id or null', id);
  const counted = id < 0 ? vocabSize + id : id;
  return counted >= 0 && counted < vocabSize ? counted : undefined;
}

/** `head_dim`, or the width of the model shared out among the heads. */
export function headDimOr(config: ConfigReader, { hiddenSize, heads }: CommonFields): number {
  return config.numberOrNull('head_dim', null) ?? Math.floor(hiddenSize / heads);
}

/** Settings that change what the model computes and that the decoder does not have: better refused than ignored. */
function refuseWhatIsNotBuilt(config: ConfigReader): void {
  const activation = config.value('hidden_act');
  if (activation !== undefined && activation !== 'silu' && activation !== 'swish') {
    throw config.bad('hidden_act', '"silu" (or "swish", the same)', activation, 'gated SiLU is the only feed-forward part built so far');
  }
  for (const key of ['quantization_config', 'compression_config']) {
    if (!config.has(key)) continue;
    const hint = 'take the original model instead of the quantised one: weights are trained in float32 or bfloat16';
    throw config.bad(key, 'absent: weights in float32, bfloat16 or float16', config.value(key), hint);
  }
  if (config.has('per_layer_config')) {
    throw config.bad(
      'per_layer_config',
      'absent: all layers alike',
      config.value('per_layer_config'),
      'pruned models of mixed layers are not built',
    );
  }
}
