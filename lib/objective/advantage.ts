import { maximum, mean, minimum, standardDeviation } from '../util/statistics.ts';
import type { BatchItem } from './objective.ts';

/** Below this the spread of a batch is rounding noise and counts as none. */
const noSpread = 1e-6;

/** Trajectories that were sampled at all: those without rows (an error before the first token) take no part in any statistic. */
export function hasRows(item: BatchItem): boolean {
  return item.rows > 0;
}

/** A = r − baseline. */
export function advantages(items: readonly BatchItem[], baseline: Float64Array): Float64Array {
  return Float64Array.from(items, (item, i) => item.return - (baseline[i] as number));
}

/**
 * (A − mean) / (std + 1e-6) over the values with `use`; 0 elsewhere. No spread (std < 1e-6, or too few values for it) gives 0
 * everywhere, never 0/eps noise.
 */
export function whiten(values: Float64Array, use: (i: number) => boolean, std: 'population' | 'unbiased'): Float64Array {
  const used = values.filter((_, i) => use(i));
  const spread = standardDeviation(used, std);
  if (!(used.length >= 2 && spread >= noSpread)) return new Float64Array(values.length);
  const center = mean(used);
  return values.map((value, i) => (use(i) ? (value - center) / (spread + 1e-6) : 0));
}

/** Each value into [−limit, limit]. */
export function clip(values: Float64Array, limit: number): Float64Array {
  return values.map((value) => Math.min(limit, Math.max(-limit, value)));
}

/** adv/{mean,std,min,max,frac_pos} over trajectories with rows; nothing when there are none. */
export function advantageMetrics(items: readonly BatchItem[], values: Float64Array): Record<string, number> {
  const used = values.filter((_, i) => hasRows(items[i] as BatchItem));
  if (used.length === 0) return {};
  return {
    'adv/mean': mean(used),
    'adv/std': standardDeviation(used, 'population'),
    'adv/min': minimum(used),
    'adv/max': maximum(used),
    'adv/frac_pos': used.filter((value) => value > 0).length / used.length,
  };
}
