import { AStarPOError, isAStarPOError } from '../errors.ts';

/** A fault that ended one episode and not the run. */
export interface EpisodeFault {
  readonly finish: 'env_error' | 'model_error';
  readonly error: AStarPOError;
  /** Whether a fresh episode with the same seed may do better. */
  readonly retry: boolean;
}

/** Codes that end one episode only. Everything else ends the run. */
const faults: Readonly<Record<string, { finish: EpisodeFault['finish']; retry: boolean }>> = {
  ASTARPO_ENVIRONMENT: { finish: 'env_error', retry: true },
  ASTARPO_TIMEOUT: { finish: 'env_error', retry: true },
  ASTARPO_REWARD: { finish: 'env_error', retry: true },
  ASTARPO_DATA: { finish: 'env_error', retry: true },
  ASTARPO_TASKS: { finish: 'env_error', retry: false },
  // The same prompt and seed would fail again.
  ASTARPO_CONTEXT: { finish: 'model_error', retry: false },
  ASTARPO_EMPTY_PROMPT: { finish: 'model_error', retry: false },
  ASTARPO_TOKEN_RANGE: { finish: 'model_error', retry: false },
  ASTARPO_NON_FINITE: { finish: 'model_error', retry: false },
};

export function asFault(error: unknown): EpisodeFault | undefined {
  if (!isAStarPOError(error)) return undefined;
  const known = faults[error.code];
  return known === undefined ? undefined : { ...known, error };
}

/** An episode that took longer than all of it may. */
export function episodeTimeout(ms: number): EpisodeFault {
  const error = new AStarPOError('ASTARPO_TIMEOUT', `expected an episode to end within ${ms / 1000} s, got no end`, {
    hint: 'raise episodeTimeoutMs, or lower concurrency, maxTurns or maxTokens',
  });
  return { finish: 'env_error', error, retry: true };
}
