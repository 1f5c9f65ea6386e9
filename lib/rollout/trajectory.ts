import type { JsonObject } from '../util/json.ts';

/** How an episode ended; 'done' alone can be a success. */
export type FinishReason = 'done' | 'max_turns' | 'max_context' | 'turn_token_limit' | 'env_error' | 'model_error';

/** A run of tokens of one speaker inside a context. */
export interface Turn {
  readonly role: 'environment' | 'agent';
  /** Token range [start, end) in the context. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Paid by the environment for this agent turn. */
  readonly reward?: number;
  /** Named parts of the reward, and what else the environment told of this turn, where it did. */
  readonly rewards?: Readonly<Record<string, number>>;
  readonly info?: JsonObject;
  readonly valid?: boolean;
  /** Which weights sampled an agent turn. */
  readonly weightsVersion?: number;
  readonly view?: string;
}

/** One token sequence as the model saw it. All arrays have one length. */
export interface Context {
  readonly tokens: Int32Array;
  /** 1 exactly on tokens that the policy sampled, its end-of-turn token included; set when the token is born. */
  readonly mask: Uint8Array;
  /** Log-prob of each sampled token when it was sampled; 0 where mask is 0. */
  readonly logps: Float32Array;
  readonly turns: readonly Turn[];
}

/** What was sampled, exactly. */
export interface Trajectory {
  readonly taskId: string;
  /** 0, 1, … among the samples of one task. */
  readonly sample: number;
  readonly seed: bigint;
  readonly temperature: number;
  /** In order: one, and another from each fresh observation on. Training sums over them. */
  readonly contexts: readonly Context[];
  /** Sum of the rewards. */
  readonly return: number;
  readonly rewards: Readonly<Record<string, number>>;
  readonly success: boolean;
  readonly finish: FinishReason;
  readonly agentTurns: number;
  readonly sampledTokens: number;
  readonly validActions: number;
  readonly info?: JsonObject;
}
