import { canonicalJson, type JsonValue } from '../util/json.ts';
import type { ModelConfig } from './config.ts';
import { badConfig, ConfigReader } from './families/config-reader.ts';
import { familyOf } from './families/index.ts';
import { parameterCount } from './parameter-count.ts';
import { ropeFrequencies, ropeTypes } from './rope.ts';

/** The largest values that make sense; anything above is a slip. */
const largest = {
  vocabSize: 2 ** 31 - 1,
  hiddenSize: 2 ** 24,
  intermediateSize: 2 ** 24,
  layers: 10_000,
  heads: 2 ** 16,
  kvHeads: 2 ** 16,
  headDim: 2 ** 16,
  maxPositions: 2 ** 31 - 1,
} as const;
const mostParameters = 2 ** 42;

/** Keys in config.json of the fields that a check may refuse. */
const fileKeys = {
  vocabSize: 'vocab_size',
  hiddenSize: 'hidden_size',
  intermediateSize: 'intermediate_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  headDim: 'head_dim',
  maxPositions: 'max_position_embeddings',
  rmsNormEps: 'rms_norm_eps',
  initializerRange: 'initializer_range',
  rope: 'rope_scaling',
  qkvBias: 'attention_bias',
  outputBias: 'attention_bias',
  mlpBias: 'mlp_bias',
  qkNorm: 'model_type',
  windows: 'sliding_window',
  eosTokenIds: 'eos_token_id',
  paddingTokenId: 'pad_token_id',
} as const;
type Field = keyof typeof fileKeys;
type Refuse = (field: Field, expected: string, value: JsonValue) => Error;

/**
 * Throws ASTARPO_ARCHITECTURE or ASTARPO_CONFIG unless the numbers fit together and the architecture can say them in its
 * config.json. Messages name the fields, or the keys of `file` where the configuration was read from one.
 */
export function checkModelConfig(config: ModelConfig, file?: string): void {
  const name = (field: Field) => (file === undefined ? field : fileKeys[field]);
  const refuse: Refuse = (field, expected, value) => {
    if (file === undefined) return badConfig(`${field} of the model configuration`, expected, value);
    return badConfig(`${name(field)} in ${file}`, expected, value, `correct ${name(field)}: it must be that of the stored weights`);
  };
  checkNumbers(config, refuse);
  if (config.heads % config.kvHeads !== 0) throw refuse('kvHeads', `a divisor of ${name('heads')} (${config.heads})`, config.kvHeads);
  if (config.headDim % 2 !== 0) throw refuse('headDim', 'an even number, because rotary embedding turns pairs', config.headDim);
  const parameters = parameterCount(config);
  if (parameters > mostParameters) {
    const widest = (['vocabSize', 'intermediateSize', 'hiddenSize'] as const).reduce((a, b) => (config[a] >= config[b] ? a : b));
    throw refuse(widest, `of a model below ${mostParameters} parameters (this one would have ${parameters})`, config[widest]);
  }
  const isId = (id: number) => Number.isSafeInteger(id) && id >= 0 && id < config.vocabSize;
  for (const id of config.eosTokenIds) {
    if (!isId(id)) throw refuse('eosTokenIds', `ids below ${name('vocabSize')} (${config.vocabSize})`, id);
  }
  const { paddingTokenId } = config;
  if (paddingTokenId !== undefined && !isId(paddingTokenId)) {
    throw refuse('paddingTokenId', `an id below ${name('vocabSize')} (${config.vocabSize})`, paddingTokenId);
  }
  if (!ropeTypes.some((type) => type === config.rope?.type)) {
    throw refuse('rope', `of a type among ${ropeTypes.join(', ')}`, config.rope?.type ?? null);
  }
  checkExpressible(config, refuse);
  if (!ropeFrequencies(config.rope, config.headDim).every(Number.isFinite)) {
    throw refuse('rope', 'parameters that give finite frequencies', { ...config.rope });
  }
}

function checkNumbers(config: ModelConfig, refuse: Refuse): void {
  for (const field of Object.keys(largest) as (keyof typeof largest)[]) {
    if (!Number.isSafeInteger(config[field]) || config[field] < 1) throw refuse(field, 'a positive integer', config[field]);
    if (config[field] > largest[field]) throw refuse(field, `at most ${largest[field]}`, config[field]);
  }
  const { rmsNormEps, initializerRange } = config;
  if (!(rmsNormEps > 0 && Number.isFinite(rmsNormEps))) throw refuse('rmsNormEps', 'a positive number', rmsNormEps);
  if (!(initializerRange >= 0 && Number.isFinite(initializerRange))) {
    throw refuse('initializerRange', 'a number of at least 0', initializerRange);
  }
}

/** What an architecture cannot write nobody could read again: these fields must survive the way to its config.json and back. */
function checkExpressible(config: ModelConfig, refuse: Refuse): void {
  const { architecture, read, write } = familyOf(config.architecture);
  const again = read(new ConfigReader(write(config), `the config.json of a ${architecture}`));
  for (const field of ['qkvBias', 'outputBias', 'mlpBias', 'qkNorm', 'windows', 'rope'] as const) {
    if (canonicalJson(again[field]) === canonicalJson(config[field])) continue;
    throw refuse(field, `${JSON.stringify(again[field])} in a ${architecture}`, config[field]);
  }
}
