/** How tokens are drawn. The defaults sample from the model's own distribution. */
export interface SamplingOptions {
  /** Tokens of one turn at most. */
  maxTokens: number;
  /** Logits are divided by it, for sampling and for scoring alike. Default 1. */
  temperature?: number;
  /** Smallest set of tokens whose probability reaches topP; 1 = off (default). */
  topP?: number;
  /** The topK likeliest tokens; 0 = off (default). */
  topK?: number;
  /** Tokens at least minP times as likely as the likeliest; 0 = off (default). */
  minP?: number;
  /** The likeliest token each time; default false. */
  greedy?: boolean;
}

export interface GenerateParams extends SamplingOptions {
  /** Ids that end the turn; the one sampled is the last id of the result. */
  stopIds: readonly number[];
  /** 64 bits; token i depends on (seed, i) alone. */
  seed: bigint;
}

export interface Generated {
  /** Sampled ids, the end-of-turn id included. */
  readonly tokens: Int32Array;
  /** Natural logs under the untruncated distribution at the given temperature. */
  readonly logps: Float32Array;
  /** stop: a stop id was sampled; length: maxTokens reached; context: the model has no more positions. */
  readonly finish: 'stop' | 'length' | 'context';
  readonly weightsVersion: number;
}

/** A growing token sequence whose keys and values stay with the model between turns. */
export interface Sequence {
  /** All tokens so far. */
  readonly tokens: Int32Array;
  readonly length: number;
  /** Appends tokens that the model did not sample. */
  extend(tokens: Int32Array | readonly number[]): void;
  generate(params: GenerateParams, options?: { signal?: AbortSignal; onToken?: (id: number, logp: number) => void }): Promise<Generated>;
  /** A second sequence with the same past. */
  fork(): Sequence;
  /** Frees the keys and values; idempotent. */
  release(): void;
}

/** What rollouts need of a model; Policy and ReferenceModel both are one. */
export interface Generator {
  sequence(prefix?: Int32Array | readonly number[]): Sequence;
  readonly weightsVersion: number;
  /** Which weights sample: 'policy', or the reference's content hash. */
  readonly view: string;
  readonly maxPositions: number;
}
