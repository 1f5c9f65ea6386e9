import { AStarPOError } from '../errors.ts';
import { maximum, mean, standardDeviation } from '../util/statistics.ts';

export type VStarMode = 'soft' | 'max' | 'mean' | 'zero';

export const vstarModes: readonly VStarMode[] = ['soft', 'max', 'mean', 'zero'];

export interface VStarEstimate {
  readonly value: number;
  /** Of `value`, by the delta method; 0 where the mode has none (max, zero) or there is one return only. */
  readonly standardError: number;
}

/**
 * V*(x) = β ln E[exp(r/β)] over returns r of the reference (A*-PO, arXiv 2505.20686), as a log-*mean*-exp shifted by the
 * maximum, in doubles. It lies between the mean (β → ∞) and the maximum (β → 0) of the returns.
 *
 * `mode`: 'soft' is that formula; 'max', 'mean' and 'zero' replace it and ignore β. The formula holds where transitions are
 * deterministic given the actions; in stochastic environments it takes luck for skill, and 'mean' is the choice there.
 *
 * Throws ASTARPO_VSTAR_MISSING without returns (never 0), ASTARPO_OPTION for β ≤ 0 in 'soft' mode or an unknown mode,
 * ASTARPO_REWARD for a return that is not finite.
 */
export function estimateVStar(returns: readonly number[], options: { beta: number; mode: VStarMode }): VStarEstimate {
  const { beta, mode } = options;
  if (!vstarModes.includes(mode)) {
    throw new AStarPOError('ASTARPO_OPTION', `expected a V* mode, got '${mode}'`, { hint: `modes: ${vstarModes.join(', ')}` });
  }
  if (returns.length === 0) throw new AStarPOError('ASTARPO_VSTAR_MISSING', 'expected at least one return to estimate V* from, got none');
  for (const value of returns) {
    if (!Number.isFinite(value)) throw new AStarPOError('ASTARPO_REWARD', `expected finite returns, got ${value}`);
  }
  if (mode === 'zero') return { value: 0, standardError: 0 };
  if (mode === 'max') return { value: maximum(returns), standardError: 0 };
  const count = returns.length;
  if (mode === 'mean') {
    return { value: mean(returns), standardError: count < 2 ? 0 : standardDeviation(returns, 'unbiased') / Math.sqrt(count) };
  }
  if (!(beta > 0 && Number.isFinite(beta))) {
    throw new AStarPOError('ASTARPO_OPTION', `expected β1 > 0 in soft mode, got ${beta}`, {
      hint: "for the limits use mode 'max' (β1 → 0) or 'mean' (β1 → ∞)",
    });
  }
  const top = maximum(returns);
  const exponentials = returns.map((value) => Math.exp((value - top) / beta));
  const average = mean(exponentials);
  // Rounding may leave the bounds by an ulp; equal returns must give that return exactly.
  const value = Math.min(top, Math.max(mean(returns), top + beta * Math.log(average)));
  const standardError = count < 2 ? 0 : (beta * standardDeviation(exponentials, 'unbiased')) / (Math.sqrt(count) * average);
  return { value: returns.every((other) => other === top) ? top : value, standardError };
}

/**
 * Samples per task that shrink while the policy trains: n before step 30, max(4, ⌊n/2⌋) before step 100, then max(2, ⌊n/4⌋),
 * never more than n. `step` is the step at which the task is first visited, from 0.
 */
export function adaptiveSamples(n: number, step: number): number {
  if (step < 30) return n;
  return Math.min(n, step < 100 ? Math.max(4, Math.floor(n / 2)) : Math.max(2, Math.floor(n / 4)));
}
