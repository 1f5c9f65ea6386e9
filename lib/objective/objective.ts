import type { JsonObject } from '../util/json.ts';

/**
 * What turns returns into per-row weights. Everything is a pure function in doubles; nothing here knows native code.
 * A *row* is one sampled token; rows of one trajectory are consecutive, trajectories in batch order.
 */

export interface ObjectiveNeeds {
  /** 'logp': the reference's log-prob of every row; 'rows': its hidden rows, for a full-vocabulary KL. */
  readonly reference: 'none' | 'logp' | 'rows';
  readonly samplesPerTask: number;
  readonly entropy?: boolean;
  readonly vstar?: boolean;
}

/** One trajectory of the batch. */
export interface BatchItem {
  readonly taskId: string;
  readonly return: number;
  /** V* of the task; undefined unless the objective needs it. */
  readonly vstar: number | undefined;
  /** Sampled tokens L. */
  readonly rows: number;
  /** Σ log-prob when sampled. */
  readonly sampledLogp: number;
  /** Σ reference log-prob; undefined when the objective needs no reference. */
  readonly referenceLogp: number | undefined;
}

/** The whole batch of an optimizer step. */
export interface WholeBatch {
  readonly items: readonly BatchItem[];
}

/** Per-trajectory constants of a batch, and metrics that need no forward pass. */
export interface Prepared {
  readonly items: readonly BatchItem[];
  /** A = r − baseline per trajectory. */
  readonly advantages: Float64Array;
  /** Objective-specific constants per trajectory (for astar-po-sft its weights). */
  readonly weights: Float64Array;
  /** Why this batch teaches nothing, if so; the trainer then counts it and steps no optimizer. */
  readonly skip: 'no_signal' | undefined;
  readonly metrics: Readonly<Record<string, number>>;
  /** What the user should know about this batch; each distinct text is told once per run. */
  readonly warnings?: readonly string[];
}

/** One micro-batch after its forward pass: whole trajectories, `items[i]` being `prepared.items[first + i]`. */
export interface PassView {
  readonly first: number;
  /** Row ranges: trajectory i of the micro-batch has rows [offsets[i], offsets[i+1]). */
  readonly offsets: Int32Array;
  readonly logp: Float32Array;
  readonly kl: Float32Array | undefined;
  readonly entropy: Float32Array | undefined;
}

export interface RowWeights {
  /** dLoss/d(logp) per row. */
  readonly logp: Float64Array;
  readonly kl?: Float64Array;
  readonly entropy?: Float64Array;
  /** This micro-batch's share of the batch's loss. */
  readonly loss: number;
  /** Sums over this micro-batch, added up over the batch; keys ending in `absmax` take the maximum, of keys ending in `_rms` the root of the sum is taken. */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface Objective {
  readonly name: string;
  /** All that changes behaviour: part of what a run folder is recognised by. */
  readonly options?: JsonObject;
  readonly needs: ObjectiveNeeds;
  /** The only place for statistics over the batch, so that the cut into micro-batches cannot change the result. */
  prepare(batch: WholeBatch): Prepared;
  weights(view: PassView, prepared: Prepared): RowWeights;
}
