import type { SamplingOptions } from '../model/generator.ts';

/** What an episode may use; the same for stage 1 and stage 2. */
export interface EpisodeLimits {
  readonly sampling: SamplingOptions;
  /** Agent turns at most. Default 15. */
  readonly maxTurns?: number | undefined;
  /** Tokens of a context at most. Default: the model's positions. */
  readonly maxContext?: number | undefined;
  readonly system?: string | undefined;
  /**
   * When a turn is cut at sampling.maxTokens, its text goes to the environment like any other; then the episode goes on
   * ('continue', default; the end-of-turn token that the policy did not sample is added with mask 0, unless a new context begins) or
   * ends as 'turn_token_limit' ('end').
   */
  readonly turnTokenLimit?: 'continue' | 'end' | undefined;
  /** For one call of the environment's open, step or close. Default 60,000. */
  readonly stepTimeoutMs?: number | undefined;
  /** For the whole episode, waiting for the model included; past it the episode is an env_error. Default: no limit. */
  readonly episodeTimeoutMs?: number | undefined;
}

export const defaultMaxTurns = 15;
export const defaultStepTimeoutMs = 60_000;
