import { AStarPOError } from '../errors.ts';
import type { NativeModelConfig } from '../native/addon.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';
import { asJsonObject } from './files.ts';

/** Architectures that the native decoder runs, by their Hugging Face name. */
export const supportedArchitectures = ['Qwen2ForCausalLM'] as const;

/** A decoder's shape. Counts unless said otherwise. */
export interface ModelConfig {
  readonly architecture: (typeof supportedArchitectures)[number];
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
  /** Base of the rotary frequencies. */
  readonly ropeTheta: number;
  /** Whether the q, k and v projections have biases. */
  readonly qkvBias: boolean;
  /** Whether the vocabulary head is the embedding matrix. */
  readonly tiedHead: boolean;
  /** Ids that end a text, as the model's files name them. May be empty. */
  readonly eosTokenIds: readonly number[];
  /** Standard deviation of freshly drawn matrices. */
  readonly initializerRange: number;
}

/** What a new model needs to be told; the rest has defaults. */
export type NewModelConfig = Pick<ModelConfig, 'vocabSize' | 'hiddenSize' | 'layers' | 'heads'> & Partial<ModelConfig>;

/**
 * A complete configuration from its essential numbers. Defaults: kvHeads = heads, headDim = hiddenSize / heads,
 * intermediateSize = 4 · hiddenSize, maxPositions 2048, rmsNormEps 1e-6, ropeTheta 10000, biases and a tied head, no eos ids,
 * initializerRange 0.02. Throws ASTARPO_CONFIG.
 */
export function modelConfig(options: NewModelConfig): ModelConfig {
  const config: ModelConfig = {
    architecture: 'Qwen2ForCausalLM',
    intermediateSize: 4 * options.hiddenSize,
    kvHeads: options.heads,
    headDim: Math.floor(options.hiddenSize / options.heads),
    maxPositions: 2048,
    rmsNormEps: 1e-6,
    ropeTheta: 10_000,
    qkvBias: true,
    tiedHead: true,
    eosTokenIds: [],
    initializerRange: 0.02,
    ...options,
  };
  checkModelConfig(config);
  return config;
}

const counts = ['vocabSize', 'hiddenSize', 'intermediateSize', 'layers', 'heads', 'kvHeads', 'headDim', 'maxPositions'] as const;
const positives = ['rmsNormEps', 'ropeTheta', 'initializerRange'] as const;

/** Throws ASTARPO_ARCHITECTURE or ASTARPO_CONFIG unless the numbers fit together. */
export function checkModelConfig(config: ModelConfig): void {
  checkArchitecture(config.architecture);
  for (const name of counts) {
    if (!Number.isSafeInteger(config[name]) || config[name] < 1) throw bad(name, 'a positive integer', config[name]);
  }
  for (const name of positives) {
    if (!Number.isFinite(config[name]) || config[name] <= 0) throw bad(name, 'a positive number', config[name]);
  }
  if (config.heads % config.kvHeads !== 0) throw bad('kvHeads', `a divisor of heads (${config.heads})`, config.kvHeads);
  if (config.headDim % 2 !== 0) throw bad('headDim', 'an even number, because rotary embedding turns pairs', config.headDim);
  for (const id of config.eosTokenIds) {
    if (!Number.isSafeInteger(id) || id < 0 || id >= config.vocabSize)
      throw bad('eosTokenIds', `ids below vocabSize (${config.vocabSize})`, id);
  }
}

/**
 * Reads the contents of a Hugging Face `config.json` (either rotary layout: `rope_theta`, or transformers 5's
 * `rope_parameters`) and, if there is one, of `generation_config.json`, whose eos ids win.
 * Throws ASTARPO_ARCHITECTURE for another model family, ASTARPO_CONFIG for values that the decoder cannot honour.
 */
export function fromHuggingFace(json: JsonObject, generationConfig: JsonObject = {}): ModelConfig {
  checkArchitecture(architectureOf(json));
  rejectWhatIsNotBuilt(json);
  const heads = readNumber(json, 'num_attention_heads');
  const hiddenSize = readNumber(json, 'hidden_size');
  const config: ModelConfig = {
    architecture: 'Qwen2ForCausalLM',
    vocabSize: readNumber(json, 'vocab_size'),
    hiddenSize,
    intermediateSize: readNumber(json, 'intermediate_size'),
    layers: readNumber(json, 'num_hidden_layers'),
    heads,
    kvHeads: readNumber(json, 'num_key_value_heads', heads),
    headDim: readNumber(json, 'head_dim', hiddenSize / heads),
    maxPositions: readNumber(json, 'max_position_embeddings'),
    rmsNormEps: readNumber(json, 'rms_norm_eps', 1e-6),
    ropeTheta: readRopeTheta(json),
    qkvBias: true,
    tiedHead: readBoolean(json, 'tie_word_embeddings', false),
    eosTokenIds: readEos(generationConfig.eos_token_id ?? json.eos_token_id),
    initializerRange: readNumber(json, 'initializer_range', 0.02),
  };
  checkModelConfig(config);
  return config;
}

/** The `config.json` that transformers 4 and 5 open. `dtype` is that of the stored weights. */
export function toHuggingFace(config: ModelConfig, dtype: 'float32' | 'bfloat16' = 'float32'): JsonObject {
  return {
    architectures: [config.architecture],
    attention_dropout: 0,
    bos_token_id: null,
    eos_token_id: eosJson(config),
    head_dim: config.headDim,
    hidden_act: 'silu',
    hidden_size: config.hiddenSize,
    initializer_range: config.initializerRange,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: config.maxPositions,
    model_type: 'qwen2',
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.kvHeads,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tiedHead,
    torch_dtype: dtype,
    use_cache: true,
    use_sliding_window: false,
    vocab_size: config.vocabSize,
  };
}

/** One id, several, or null: how the files of transformers write it. */
export function eosJson(config: ModelConfig): JsonValue {
  return config.eosTokenIds.length === 1 ? (config.eosTokenIds[0] ?? null) : config.eosTokenIds.length === 0 ? null : config.eosTokenIds;
}

/** The plain fields that the native side takes. */
export function toNative(config: ModelConfig): NativeModelConfig {
  const { vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, maxPositions } = config;
  const { rmsNormEps, ropeTheta, qkvBias, tiedHead } = config;
  return {
    ...{ vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, maxPositions },
    ...{ rmsNormEps, qkvBias, tiedHead, outputBias: false, mlpBias: false, qkNorm: false },
    ropeFrequencies: Float32Array.from({ length: headDim / 2 }, (_, i) => ropeTheta ** ((-2 * i) / headDim)),
    ropeScale: 1,
    windows: new Int32Array(layers),
  };
}

function architectureOf(json: JsonObject): JsonValue | undefined {
  const { architectures, model_type: modelType } = json;
  if (Array.isArray(architectures) && architectures.length > 0) return architectures[0];
  return modelType === 'qwen2' ? 'Qwen2ForCausalLM' : modelType;
}

function checkArchitecture(architecture: JsonValue | undefined): void {
  if (supportedArchitectures.some((name) => name === architecture)) return;
  throw new AStarPOError('ASTARPO_ARCHITECTURE', `expected a supported architecture, got ${show(architecture)}`, {
    hint: `supported: ${supportedArchitectures.join(', ')} (the Qwen2 and Qwen2.5 models)`,
  });
}

/** Settings that change what the model computes and that the decoder does not have: better refused than ignored. */
function rejectWhatIsNotBuilt(json: JsonObject): void {
  const activation = json.hidden_act ?? 'silu';
  if (activation !== 'silu') throw bad('hidden_act', '"silu"', activation);
  if (json.use_sliding_window === true) throw bad('use_sliding_window', 'false: attention over the whole context', true);
  if (Array.isArray(json.layer_types) && json.layer_types.some((type) => type !== 'full_attention')) {
    throw bad('layer_types', '"full_attention" in every layer', json.layer_types);
  }
  if (json.quantization_config !== undefined && json.quantization_config !== null) {
    throw bad('quantization_config', 'none: weights in float32, bfloat16 or float16', json.quantization_config);
  }
  for (const name of ['rope_scaling', 'rope_parameters']) {
    const rope = asJsonObject(json[name]);
    const type = rope?.rope_type ?? rope?.type ?? 'default';
    if (type !== 'default') throw bad(`${name}.rope_type`, '"default"', type);
  }
}

function readRopeTheta(json: JsonObject): number {
  const parameters = asJsonObject(json.rope_parameters);
  if (parameters?.rope_theta !== undefined) return readNumber(parameters, 'rope_theta');
  return readNumber(json, 'rope_theta', 10_000);
}

function readEos(value: JsonValue | undefined): number[] {
  if (value === undefined || value === null) return [];
  const ids = Array.isArray(value) ? value : [value];
  return ids.map((id) => {
    if (typeof id !== 'number') throw bad('eos_token_id', 'a token id or a list of them', value);
    return id;
  });
}

function readNumber(json: JsonObject, name: string, fallback?: number): number {
  const value = json[name] ?? fallback;
  if (typeof value !== 'number') throw bad(name, 'a number', value);
  return value;
}

function readBoolean(json: JsonObject, name: string, fallback: boolean): boolean {
  const value = json[name] ?? fallback;
  if (typeof value !== 'boolean') throw bad(name, 'true or false', value);
  return value;
}

function bad(name: string, expected: string, value: JsonValue | undefined): AStarPOError {
  return new AStarPOError('ASTARPO_CONFIG', `expected ${name} of the model configuration to be ${expected}, got ${show(value)}`);
}

function show(value: JsonValue | undefined): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}
