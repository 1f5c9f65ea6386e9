import { AStarPOError } from '../errors.ts';
import type { NativeGenerateRequest } from '../native/addon.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import type { GenerateParams, SamplingOptions } from './generator.ts';
import { toTokenIds } from './token-ids.ts';

const samplingNames: OptionNames<SamplingOptions> = {
  maxTokens: true,
  temperature: true,
  topP: true,
  topK: true,
  minP: true,
  greedy: true,
};
const generateNames: OptionNames<GenerateParams> = { ...samplingNames, stopIds: true, seed: true };

/** Throws ASTARPO_UNKNOWN_OPTION. */
export function refuseUnknownSampling(what: string, sampling: SamplingOptions): void {
  refuseUnknownOptions(what, sampling, samplingNames);
}

/**
 * Sampling parameters with their defaults, as the native side takes them. Throws ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION,
 * ASTARPO_TOKEN_RANGE (stop ids).
 */
export function toNativeRequest(
  params: GenerateParams,
  vocabSize: number,
  onToken?: (id: number, logp: number) => void,
): NativeGenerateRequest {
  refuseUnknownOptions('generate', params, generateNames);
  const { maxTokens, temperature = 1, topP = 1, topK = 0, minP = 0, greedy = false, seed } = params;
  check('maxTokens', maxTokens, Number.isInteger(maxTokens) && maxTokens >= 1, 'a positive integer');
  check(
    'temperature',
    temperature,
    Number.isFinite(temperature) && temperature > 0,
    'a positive number (for the likeliest token use greedy)',
  );
  check('topP', topP, topP > 0 && topP <= 1, 'above 0 and at most 1');
  check('topK', topK, Number.isInteger(topK) && topK >= 0, 'a non-negative integer');
  check('minP', minP, minP >= 0 && minP < 1, 'at least 0 and below 1');
  check('seed', seed, typeof seed === 'bigint' && BigInt.asUintN(64, seed) === seed, 'a bigint of 64 bits');
  check(
    'stopIds',
    params.stopIds,
    typeof params.stopIds?.length === 'number',
    'a list of token ids (it may be empty; chat.stopIds end a turn)',
  );
  const stopIds = toTokenIds(params.stopIds, vocabSize);
  return { ...{ maxTokens, temperature, topP, topK, minP, greedy, seed, stopIds }, ...(onToken === undefined ? {} : { onToken }) };
}

function check(name: string, value: unknown, holds: boolean, expected: string): void {
  if (holds) return;
  throw new AStarPOError('ASTARPO_OPTION', `expected ${name} to be ${expected}, got ${String(value)}`);
}
