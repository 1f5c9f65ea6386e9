import type { EnvironmentDescription } from '../env/describe-environment.ts';
import type { Interval } from '../util/statistics.ts';

/** Metric names are stable: `train/loss`, `reward/mean`, `kl/ref`, `finish/done`, … Units are nats, tokens, seconds, shares. */
export type Metrics = Readonly<Record<string, number>>;

/** What an evaluation found; rates are shares of `episodes`. */
export interface EvaluationResult {
  /** What was played and how it paid: results compare only where these are equal. */
  readonly environment: EnvironmentDescription;
  /** Of the tasks, where it was told. */
  readonly split?: string;
  readonly episodes: number;
  readonly successes: number;
  /** Success rate with its 95 % Wilson interval. */
  readonly success: number;
  readonly interval: Interval;
  /** Mean return: of all that was paid. */
  readonly score: number;
  /**
   * Mean of each named part of the rewards; an episode without it counts as 0. Environments whose rewards are not the score itself name
   * the raw one `score`.
   */
  readonly rewards: Readonly<Record<string, number>>;
  /** Mean agent turns and mean sampled tokens of an episode. */
  readonly turns: number;
  readonly tokens: number;
  /** Share of actions that the environment understood. */
  readonly validRate: number;
  /** Episodes per finish reason; those that ended by a fault of the environment or the model count as failures. */
  readonly finish: Readonly<Record<string, number>>;
  /** Share of episodes cut by a limit of turns, tokens or context. */
  readonly truncationRate: number;
  readonly seconds: number;
  /** Unbiased pass@k, k from 1 to the samples per task; only when there were several. */
  readonly passAtK?: readonly number[];
}

export interface RunStartEvent {
  readonly type: 'run.start';
  readonly folder: string | undefined;
  readonly resumed: boolean;
  /** Optimizer steps already done. */
  readonly step: number;
  readonly steps: number;
  readonly objective: string;
  readonly configHash: string;
}

export interface Stage1ProgressEvent {
  readonly type: 'stage1.progress';
  /** Samples stored so far, of all that the run needs (those of earlier runs included). */
  readonly done: number;
  readonly total: number;
  /** Of `done`, those that were in the store already. */
  readonly cached: number;
  readonly rejected: number;
  readonly successes: number;
  readonly seconds: number;
}

export interface Stage1DoneEvent {
  readonly type: 'stage1.done';
  readonly tasks: number;
  readonly kept: number;
  /** Tasks left out, per reason: 'all-fail', 'all-equal', 'missing'. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly sampled: number;
  readonly rejected: number;
  readonly metrics: Metrics;
  readonly seconds: number;
}

export interface RolloutDoneEvent {
  readonly type: 'rollout.done';
  readonly step: number;
  readonly episodes: number;
  readonly rejected: number;
  readonly successes: number;
  readonly tokens: number;
  readonly seconds: number;
}

export interface StepEvent {
  readonly type: 'step';
  /** 1 … steps. */
  readonly step: number;
  readonly steps: number;
  /** Why the optimizer did not step, if so. */
  readonly skipped: 'no_signal' | 'non_finite' | undefined;
  readonly metrics: Metrics;
}

export interface EvalEvent {
  readonly type: 'eval';
  readonly step: number;
  readonly when: 'before' | 'during' | 'final';
  readonly result: EvaluationResult;
}

export interface CheckpointEvent {
  readonly type: 'checkpoint';
  readonly step: number;
  readonly folder: string;
  readonly best: boolean;
}

export interface WarningEvent {
  readonly type: 'warning';
  readonly step: number;
  readonly message: string;
}

export interface DoneEvent {
  readonly type: 'done';
  readonly step: number;
  readonly folder: string | undefined;
  /** Step and success rate of the best evaluation, if any were made. */
  readonly best: { readonly step: number; readonly success: number } | undefined;
  readonly seconds: number;
}

/** Everything that a run tells; console, JSON lines, TensorBoard and pages are sinks of this one stream. */
export type TrainEvent =
  | RunStartEvent
  | Stage1ProgressEvent
  | Stage1DoneEvent
  | RolloutDoneEvent
  | StepEvent
  | EvalEvent
  | CheckpointEvent
  | WarningEvent
  | DoneEvent;
