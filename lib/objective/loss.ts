import type { PassView, Prepared } from './objective.ts';

/** A loss over the rows of one micro-batch: its share of the batch's loss, and dLoss/d(logp) per row. */
export interface RowLoss {
  readonly loss: number;
  readonly gradient: Float64Array;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Σ log-prob of the rows [begin, end), in doubles and in order: the same sum for the policy and the reference. */
export function sumRows(logp: Float32Array, begin: number, end: number): number {
  let total = 0;
  for (let row = begin; row < end; row++) total += logp[row] as number;
  return total;
}

/**
 * A*-PO's regression (arXiv 2505.20686): (1/B) Σ (β2·Δ_i + V*_i − r_i)², Δ_i = Σ log π − Σ log π_ref over the trajectory's rows.
 * With A_i = r_i − V*_i the residual is β2·Δ_i − A_i and dLoss/d(logp) = 2β2(β2Δ_i − A_i)/B on each of its rows.
 * `trajectories`: B, those of the batch that have rows.
 */
export function regressionLoss(view: PassView, prepared: Prepared, options: { beta2: number; trajectories: number }): RowLoss {
  const { beta2, trajectories } = options;
  const gradient = new Float64Array(view.logp.length);
  let loss = 0;
  let residuals = 0;
  let rewards = 0;
  for (let i = 0; i + 1 < view.offsets.length; i++) {
    const [begin, end] = [view.offsets[i] as number, view.offsets[i + 1] as number];
    if (begin === end) continue;
    const item = prepared.items[view.first + i];
    const delta = sumRows(view.logp, begin, end) - (item?.referenceLogp ?? Number.NaN);
    const residual = beta2 * delta - (prepared.advantages[view.first + i] as number);
    loss += residual ** 2 / trajectories;
    residuals += residual / trajectories;
    rewards += (beta2 * delta) / trajectories;
    gradient.fill((2 * beta2 * residual) / trajectories, begin, end);
  }
  return {
    loss,
    gradient,
    metrics: { 'astar/implicit_reward': rewards, 'astar/residual_mean': residuals, 'astar/residual_rms': loss },
  };
}

/**
 * Weighted cross-entropy: (1/B) Σ w_i · (−1/L_i) Σ log π over the rows of trajectory i, w = prepared.weights.
 * `trajectories`: B, those of the batch that have rows.
 */
export function weightedLikelihoodLoss(view: PassView, prepared: Prepared, options: { trajectories: number }): RowLoss {
  const gradient = new Float64Array(view.logp.length);
  let loss = 0;
  for (let i = 0; i + 1 < view.offsets.length; i++) {
    const [begin, end] = [view.offsets[i] as number, view.offsets[i + 1] as number];
    if (begin === end) continue;
    const perRow = -(prepared.weights[view.first + i] as number) / ((end - begin) * options.trajectories);
    loss += perRow * sumRows(view.logp, begin, end);
    gradient.fill(perRow, begin, end);
  }
  return { loss, gradient, metrics: {} };
}
