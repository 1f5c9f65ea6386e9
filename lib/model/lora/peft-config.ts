import { AStarPOError } from '../../errors.ts';
import type { JsonObject, JsonValue } from '../../util/json.ts';
import { asJsonObject } from '../files.ts';
import { peftNames, unsupportedPeftNames } from './peft-names.ts';
import { defaultSettings, isAllLinear, type LoraSettings, linearNames } from './settings.ts';

/** What an `adapter_config.json` says. */
export interface PeftConfig {
  readonly settings: LoraSettings;
  /** Hub id or folder of the model that the adapter was trained on; null where nobody noted it. */
  readonly base: string | null;
  /** Of the base on the hub. */
  readonly revision: string | null;
}

/** What changes the base's own weights while it is drawn: such an adapter says nothing without PEFT's code for it. */
const plainInits: readonly JsonValue[] = [true, false, 'gaussian', 'orthogonal', 'eva'];

/** Keys without influence on an adapter whose numbers are stored. */
const descriptive = new Set([
  ...['peft_type', 'task_type', 'auto_mapping', 'peft_version', 'base_model_name_or_path', 'revision', 'inference_mode'],
  ...['megatron_core', 'qalora_group_size', 'runtime_config', 'eva_config', 'layers_pattern', 'init_lora_weights'],
]);

/** Reads PEFT's `adapter_config.json`. Throws ASTARPO_ADAPTER, naming the file and the key, for anything but plain LoRA. */
export function readPeftConfig(json: JsonObject, path: string): PeftConfig {
  const fail = (key: string, expected: string, hint = 'only plain LoRA on linear modules is supported') =>
    new AStarPOError('ASTARPO_ADAPTER', `${path}: expected ${key} to be ${expected}, got ${shown(json[key])}`, { hint });
  if (json.peft_type !== 'LORA') throw fail('peft_type', '"LORA"');
  if (json.task_type !== undefined && json.task_type !== null && json.task_type !== 'CAUSAL_LM') throw fail('task_type', '"CAUSAL_LM"');
  const init = json.init_lora_weights ?? true;
  if (!plainInits.includes(init)) {
    throw fail(
      'init_lora_weights',
      'an initialisation that leaves the base as it is',
      'have PEFT convert it to plain LoRA: save_pretrained(…, path_initial_model_for_weight_conversion=…)',
    );
  }
  for (const [key, value] of Object.entries(json)) {
    if (!descriptive.has(key) && !peftNames.has(key) && !isOff(key, value)) throw fail(key, 'off');
  }
  const { targets, layers } = readTargets(json, fail);
  const rslora = json.use_rslora ?? false;
  if (typeof rslora !== 'boolean') throw fail('use_rslora', 'true or false');
  const settings: LoraSettings = {
    rank: count(json.r ?? defaultSettings.rank, () => fail('r', 'a positive integer')),
    alpha: finite(json.lora_alpha ?? defaultSettings.alpha, () => fail('lora_alpha', 'a number')),
    dropout: finite(json.lora_dropout ?? 0, () => fail('lora_dropout', 'a number')),
    targetModules: targets,
    excludeModules: names(json.exclude_modules ?? [], () => fail('exclude_modules', 'names or a pattern')),
    layers,
    layersPattern: [names(json.layers_pattern ?? [], () => fail('layers_pattern', 'names'))].flat(),
    rankPattern: numbers(json.rank_pattern ?? {}, count, () => fail('rank_pattern', 'an object of positive integers')),
    alphaPattern: numbers(json.alpha_pattern ?? {}, finite, () => fail('alpha_pattern', 'an object of numbers')),
    useRslora: rslora,
  };
  if (settings.dropout < 0 || settings.dropout >= 1) throw fail('lora_dropout', 'from 0 to below 1');
  const text = (value: JsonValue | undefined) => (typeof value === 'string' && value !== '' ? value : null);
  return { settings, base: text(json.base_model_name_or_path), revision: text(json.revision) };
}

type Fail = (key: string, expected: string) => AStarPOError;

function readTargets(json: JsonObject, fail: Fail): { targets: LoraSettings['targetModules']; layers: readonly number[] } {
  // PEFT's own choice for the families that run here, where a file written by hand leaves it open.
  const given = json.target_modules ?? ['q_proj', 'v_proj'];
  const targets = isAllLinear(given) ? linearNames : names(given, () => fail('target_modules', 'names or a pattern'));
  const layers = [json.layers_to_transform ?? []].flat().map((layer) => {
    if (typeof layer !== 'number' || !Number.isSafeInteger(layer)) throw fail('layers_to_transform', 'layer numbers');
    return layer;
  });
  if (typeof targets === 'string' && layers.length > 0) throw fail('layers_to_transform', 'absent where target_modules is a pattern');
  return { targets, layers };
}

/**
 * Whether a key asks for nothing. PEFT switches its features on by true, an object or a list; a number or a word is a parameter of a
 * feature, except for the words of keys that are known to be unsupported ("bias": "all").
 */
function isOff(key: string, value: JsonValue): boolean {
  if (value === null || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  const object = asJsonObject(value);
  if (object !== undefined) return Object.keys(object).length === 0;
  if (value === true) return false;
  return !unsupportedPeftNames.has(key) || value === 'none';
}

function names(value: JsonValue, fail: () => AStarPOError): readonly string[] | string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw fail();
}

function count(value: JsonValue, fail: () => AStarPOError): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  throw fail();
}

function finite(value: JsonValue, fail: () => AStarPOError): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw fail();
}

function numbers(value: JsonValue, read: typeof count, fail: () => AStarPOError): Record<string, number> {
  const object = asJsonObject(value);
  if (object === undefined) throw fail();
  return Object.fromEntries(Object.entries(object).map(([pattern, each]) => [pattern, read(each, fail)]));
}

function shown(value: JsonValue | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

/**
 * The `adapter_config.json` that PEFT, vLLM and llama.cpp's converter read. It has the keys that PEFT has written since 0.14; its later
 * ones switch on what is not built here, are off when absent, and would stop older versions.
 */
export function writePeftConfig({ settings, base, revision }: PeftConfig): JsonObject {
  const list = (value: readonly string[] | string) => (value.length === 0 ? null : value);
  return {
    alpha_pattern: settings.alphaPattern,
    auto_mapping: null,
    base_model_name_or_path: base,
    bias: 'none',
    exclude_modules: list(settings.excludeModules),
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: list(settings.layersPattern),
    layers_to_transform: settings.layers.length === 0 ? null : settings.layers,
    loftq_config: {},
    lora_alpha: settings.alpha,
    lora_bias: false,
    lora_dropout: settings.dropout,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: null,
    peft_type: 'LORA',
    r: settings.rank,
    rank_pattern: settings.rankPattern,
    revision,
    target_modules: settings.targetModules,
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: settings.useRslora,
  };
}
