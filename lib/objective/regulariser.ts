/** k3 estimate of KL(π‖π_ref) for one row: e^{−d} + d − 1 with d = log π − log π_ref clamped to ±20; never negative. */
export function k3(logp: number, referenceLogp: number): number {
  const d = Math.min(20, Math.max(-20, logp - referenceLogp));
  return Math.exp(-d) + d - 1;
}

/** What a regulariser adds: its share of the loss and dLoss/d(row value). */
export interface RegulariserTerm {
  readonly loss: number;
  readonly gradient: Float64Array;
  /** Mean of the row values over the batch: this micro-batch's share. */
  readonly share: number;
}

/**
 * c · mean over trajectories of w_i · (mean over rows of the full-vocabulary KL). `trajectories`: those of the batch that have
 * rows; `weight(i)`: w_i of trajectory i of the micro-batch.
 */
export function sequenceMeanKl(
  kl: Float32Array,
  offsets: Int32Array,
  options: { coefficient: number; trajectories: number; weight: (i: number) => number },
): RegulariserTerm {
  const gradient = new Float64Array(kl.length);
  let loss = 0;
  let share = 0;
  for (let i = 0; i + 1 < offsets.length; i++) {
    const [begin, end] = [offsets[i] as number, offsets[i + 1] as number];
    const perRow = 1 / ((end - begin) * options.trajectories);
    for (let row = begin; row < end; row++) {
      const value = (kl[row] as number) * perRow;
      gradient[row] = options.coefficient * options.weight(i) * perRow;
      loss += options.coefficient * options.weight(i) * value;
      share += value;
    }
  }
  return { loss, gradient, share };
}

/** −c · mean over all rows of the batch of the exact entropy. `rows`: rows of the whole batch. */
export function entropyBonus(entropy: Float32Array, options: { coefficient: number; rows: number }): RegulariserTerm {
  let share = 0;
  for (const value of entropy) share += value / options.rows;
  return {
    loss: -options.coefficient * share,
    gradient: new Float64Array(entropy.length).fill(-options.coefficient / options.rows),
    share,
  };
}
