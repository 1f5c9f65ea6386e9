import { mean } from '../util/statistics.ts';

/** w = clamp(a + 1, floor, cap): positive weights around 1 from normalised advantages. */
export function shiftedWeights(normalised: Float64Array, floor: number, cap: number): Float64Array {
  return normalised.map((a) => Math.min(cap, Math.max(floor, a + 1)));
}

/** w = exp(A/β) / mean exp(A/β) over the values with `use` (as in advantage-weighted regression), max-shifted; 0 elsewhere. */
export function exponentialWeights(advantages: Float64Array, use: (i: number) => boolean, beta: number): Float64Array {
  const used = advantages.filter((_, i) => use(i));
  if (used.length === 0) return new Float64Array(advantages.length);
  const top = used.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const average = mean(used.map((value) => Math.exp((value - top) / beta)));
  return advantages.map((value, i) => (use(i) ? Math.exp((value - top) / beta) / average : 0));
}
