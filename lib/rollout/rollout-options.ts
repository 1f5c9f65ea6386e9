import { AStarPOError } from '../errors.ts';
import { refuseUnknownSampling } from '../model/sampling.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import type { EpisodeLimits } from './limits.ts';

export interface RolloutOptions extends EpisodeLimits {
  /** Episodes that run at the same time. Default 64. */
  readonly concurrency?: number | undefined;
  /** Fresh episodes, with the same seed, after a fault that may pass. Default 1. */
  readonly retries?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const defaultConcurrency = 64;
export const defaultRetries = 1;

const names: OptionNames<RolloutOptions> = {
  ...{ sampling: true, maxTurns: true, maxContext: true, system: true, turnTokenLimit: true, stepTimeoutMs: true, episodeTimeoutMs: true },
  ...{ concurrency: true, retries: true, signal: true },
};

/** Throws ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION. */
export function checkRolloutOptions(options: RolloutOptions): void {
  refuseUnknownOptions('rollout', options, names);
  refuseUnknownSampling('sampling', options.sampling);
  const { sampling } = options;
  checkCount('sampling.maxTokens', sampling.maxTokens);
  checkCount('maxTurns', options.maxTurns);
  checkCount('maxContext', options.maxContext);
  checkConcurrency(options.concurrency);
  checkMilliseconds('stepTimeoutMs', options.stepTimeoutMs);
  checkMilliseconds('episodeTimeoutMs', options.episodeTimeoutMs);
  if (options.retries !== undefined && !(Number.isInteger(options.retries) && options.retries >= 0)) {
    throw new AStarPOError('ASTARPO_OPTION', `expected retries to be a whole number, got ${options.retries}`);
  }
  if (sampling.temperature !== undefined && !(sampling.temperature > 0 && Number.isFinite(sampling.temperature))) {
    throw new AStarPOError('ASTARPO_OPTION', `expected sampling.temperature > 0, got ${sampling.temperature}`, {
      hint: 'use greedy: true for argmax',
    });
  }
}

/** Throws ASTARPO_OPTION. */
export function checkConcurrency(value: number | undefined): void {
  checkCount('concurrency', value);
}

function checkCount(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isInteger(value) && value >= 1)) return;
  throw new AStarPOError('ASTARPO_OPTION', `expected ${name} to be a whole number of at least 1, got ${value}`);
}

/** Timers of Node cannot wait longer, and would not wait at all. */
const longestTimer = 2 ** 31 - 1;

function checkMilliseconds(name: string, value: number | undefined): void {
  if (value === undefined || (value > 0 && value <= longestTimer)) return;
  throw new AStarPOError('ASTARPO_OPTION', `expected ${name} to be above 0 and at most ${longestTimer}, got ${value}`, {
    hint: 'it is in milliseconds',
  });
}
