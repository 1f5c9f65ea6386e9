import { dirname, join } from 'node:path';
import type { NativeModelConfig } from '../native/addon.ts';
import { canonicalJson, type JsonObject } from '../util/json.ts';
import { checkModelConfig } from './config-check.ts';
import { ConfigReader } from './families/config-reader.ts';
import { readEos } from './families/decoder-keys.ts';
import { type Architecture, familyOf, familyOfConfig } from './families/index.ts';
import { ropeFileKeys } from './families/rope-keys.ts';
import { type Rope, ropeFrequencies, ropeScale } from './rope.ts';

/** A decoder's shape. Counts unless said otherwise. */
export interface ModelConfig {
  /** transformers' class; decides how config.json is written and which of the fields below are free. */
  readonly architecture: Architecture;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Key-value heads; divides `heads`. */
  readonly kvHeads: number;
  /** Even, because rotary embedding turns pairs. */
  readonly headDim: number;
  /** Longest sequence, prompt and completion together. */
  readonly maxPositions: number;
  /** Added to the mean square in RMSNorm. */
  readonly rmsNormEps: number;
  /** Rotary position embedding. */
  readonly rope: Rope;
  /** Whether the q, k and v projections have biases. */
  readonly qkvBias: boolean;
  /** Whether the output projection of attention has one. */
  readonly outputBias: boolean;
  /** Whether gate, up and down of the feed-forward part have biases. */
  readonly mlpBias: boolean;
  /** RMSNorm of every query and key head before it is rotated. */
  readonly qkNorm: boolean;
  /** Per layer: keys that a query sees, its own included; 0 = all before it. Empty when no layer has a window. */
  readonly windows: readonly number[];
  /** Whether the vocabulary head is the embedding matrix. */
  readonly tiedHead: boolean;
  /**
   * The token of `pad_token_id`, whose embedding learns nothing from being an input: transformers trains so, also where the token is a
   * real one. Its row of an untied head learns as any other.
   */
  readonly paddingTokenId?: number;
  /** Ids that end a text, as the model's files name them. May be empty. */
  readonly eosTokenIds: readonly number[];
  /** Standard deviation of freshly drawn matrices. */
  readonly initializerRange: number;
  /** The config.json that it was read from: saving keeps what it does not understand. */
  readonly source?: JsonObject;
}

/** What a new model needs to be told; the rest has defaults. */
export type NewModelConfig = Pick<ModelConfig, 'vocabSize' | 'hiddenSize' | 'layers' | 'heads'> & Partial<ModelConfig>;

/**
 * A complete configuration from its essential numbers. Defaults: architecture Qwen2ForCausalLM and the biases and norms usual in
 * the architecture, kvHeads = heads, headDim = hiddenSize / heads, intermediateSize = 4 · hiddenSize, maxPositions 2048,
 * rmsNormEps 1e-6, rope of base 10000, no windows, a tied head, no eos ids, initializerRange 0.02.
 * Throws ASTARPO_ARCHITECTURE or ASTARPO_CONFIG.
 */
export function modelConfig(options: NewModelConfig): ModelConfig {
  const architecture = options.architecture ?? 'Qwen2ForCausalLM';
  const config: ModelConfig = {
    architecture,
    intermediateSize: 4 * options.hiddenSize,
    kvHeads: options.heads,
    headDim: Math.floor(options.hiddenSize / options.heads),
    maxPositions: 2048,
    rmsNormEps: 1e-6,
    rope: { type: 'default', theta: 10_000 },
    ...familyOf(architecture).biases,
    windows: [],
    tiedHead: true,
    eosTokenIds: [],
    initializerRange: 0.02,
    ...options,
  };
  checkModelConfig(config);
  return config;
}

/**
 * Reads the contents of a Hugging Face `config.json` as transformers 5 does and, if there is one, of `generation_config.json`,
 * whose eos ids win. `file` is the path of the first, for messages.
 * Throws ASTARPO_ARCHITECTURE for another model family, ASTARPO_CONFIG for values that transformers or the decoder cannot honour.
 */
export function fromHuggingFace(json: JsonObject, generationConfig: JsonObject = {}, file = 'config.json'): ModelConfig {
  const reader = new ConfigReader(json, file);
  const { architecture, read } = familyOfConfig(reader);
  const fields = read(reader);
  const generation = new ConfigReader(generationConfig, join(dirname(file), 'generation_config.json'));
  const eosTokenIds = generation.has('eos_token_id') ? readEos(generation, fields.vocabSize) : fields.eosTokenIds;
  const config: ModelConfig = { architecture, ...fields, eosTokenIds, source: json };
  checkModelConfig(config, file);
  return config;
}

/**
 * The `config.json` that transformers 4 and 5 and vLLM open; `dtype` is that of the stored weights. A model that was read from
 * one gets that one back, with another dtype, so that readers see what they saw before; only if its shape was changed since are
 * the keys of the shape written anew. Its eos ids stay as they were too: the model's are in generation_config.json.
 */
export function toHuggingFace(config: ModelConfig, dtype: 'float32' | 'bfloat16' | 'float16' = 'float32'): JsonObject {
  const { architecture, modelType, write } = familyOf(config.architecture);
  const { source } = config;
  if (source === undefined || familyOfConfig(new ConfigReader(source, 'config.json')).architecture !== architecture) {
    const fixed = { architectures: [architecture], attention_dropout: 0, bos_token_id: null, model_type: modelType, use_cache: true };
    return { ...fixed, ...write(config), torch_dtype: dtype };
  }
  const dtypeKeys = ['dtype', 'torch_dtype'].filter((key) => Object.hasOwn(source, key));
  const dtypes = Object.fromEntries((dtypeKeys.length > 0 ? dtypeKeys : ['torch_dtype']).map((key) => [key, dtype]));
  if (canonicalJson(shapeJson(fromHuggingFace(source))) === canonicalJson(shapeJson(config))) return { ...source, ...dtypes };
  const { eos_token_id: _, ...shape } = write(config);
  const kept = Object.entries(source).filter(([key]) => !supersededKeys.includes(key));
  return { ...Object.fromEntries(kept), ...shape, ...dtypes };
}

/** Keys that could contradict those of a changed shape. */
const supersededKeys: readonly string[] = [...ropeFileKeys, 'layer_types'];

/** All that decides what a model computes from its weights: not its special ids, how weights are drawn, nor the file it came from. */
export function shapeJson({ eosTokenIds: _, paddingTokenId: __, initializerRange: ___, source: ____, ...shape }: ModelConfig): JsonObject {
  return shape;
}

/** The plain fields that the native side takes. */
export function toNative(config: ModelConfig): NativeModelConfig {
  const { vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, maxPositions, rmsNormEps, tiedHead } = config;
  const { qkvBias, outputBias, mlpBias, qkNorm, rope, windows, paddingTokenId } = config;
  return {
    ...{ vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, maxPositions, rmsNormEps, tiedHead },
    ...{ qkvBias, outputBias, mlpBias, qkNorm },
    ...(paddingTokenId === undefined ? {} : { paddingTokenId }),
    ropeFrequencies: ropeFrequencies(rope, headDim),
    ropeScale: ropeScale(rope),
    // No sequence is longer than maxPositions, so a wider window would see no more.
    windows: windows.length === 0 ? new Int32Array(layers) : Int32Array.from(windows, (window) => Math.min(window, maxPositions)),
  };
}
