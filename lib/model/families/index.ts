import { AStarPOError } from '../../errors.ts';
import { type JsonValue, shortJson } from '../../util/json.ts';
import { nearestName } from '../../util/nearest-name.ts';
import type { ConfigReader } from './config-reader.ts';
import type { Family } from './family.ts';
import { llama } from './llama.ts';
import { ministral } from './ministral.ts';
import { mistral } from './mistral.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';

const families = [qwen2, qwen3, llama, mistral, ministral] as const;

/** Architectures that the native decoder runs, by their Hugging Face name. */
export type Architecture = (typeof families)[number]['architecture'];
export const architectures: readonly Architecture[] = families.map(({ architecture }) => architecture);

/** The family of an architecture. Throws ASTARPO_ARCHITECTURE. */
export function familyOf(architecture: string): Family<Architecture> {
  const found = families.find((family) => family.architecture === architecture);
  if (found === undefined) throw unsupported(`expected a supported architecture, got ${shortJson(architecture)}`, architecture);
  return found;
}

/**
 * The family that a config.json belongs to: by `model_type`, as transformers chooses its class, and `architectures` must not
 * contradict it: weights of a classifier or of a bare encoder have no head to sample from. Throws ASTARPO_ARCHITECTURE.
 */
export function familyOfConfig(config: ConfigReader): Family<Architecture> {
  const type = config.value('model_type');
  const named = families.find(({ modelType }) => modelType === type);
  const listed = config.value('architectures') ?? [];
  if (named === undefined) {
    const what = type === undefined ? `no model_type (architectures: ${shortJson(listed)})` : shortJson(type);
    throw unsupported(`expected the model_type in ${config.file} to be of a supported architecture, got ${what}`, type);
  }
  // transformers takes every Mistral with this key for a Ministral, whatever its file says.
  const family = named === mistral && config.value('layer_types') !== undefined ? ministral : named;
  const names = Array.isArray(listed) ? listed : [listed];
  if (names.length === 0 || names.some((name) => sameName(name, named) || sameName(name, family))) return family;
  const message = `expected architectures in ${config.file} to name ${named.architecture}, as model_type is "${named.modelType}"`;
  throw unsupported(`${message}, got ${shortJson(listed)}`);
}

/** Early conversions wrote LLaMAForCausalLM. */
function sameName(given: JsonValue, { architecture }: Family): boolean {
  return typeof given === 'string' && given.toLowerCase() === architecture.toLowerCase();
}

function unsupported(message: string, name?: JsonValue): AStarPOError {
  const known = [...architectures, ...families.map(({ modelType }) => modelType)];
  const near = typeof name === 'string' ? nearestName(name, known) : undefined;
  const list = families.map(({ architecture, modelType, models }) => `${architecture} (model_type ${modelType}: ${models})`);
  const hint = `${near === undefined ? '' : `nearest: ${near}; `}supported: ${list.join(', ')}`;
  return new AStarPOError('ASTARPO_ARCHITECTURE', message, { hint });
}
