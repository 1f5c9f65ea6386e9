import { SmallRng } from './small-rng.ts';

/** Sum in doubles, in order. */
export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number> & Iterable<number>): number {
  return sum(values) / values.length;
}

/**
 * Standard deviation. 'population' divides by n, 'unbiased' by n − 1 (what torch.std does); NaN of too few values (0, or 1 when
 * unbiased), so that the caller has to say what that case means.
 */
export function standardDeviation(values: ArrayLike<number> & Iterable<number>, kind: 'population' | 'unbiased'): number {
  const divisor = kind === 'population' ? values.length : values.length - 1;
  if (divisor <= 0) return Number.NaN;
  const center = mean(values);
  let squares = 0;
  for (const value of values) squares += (value - center) ** 2;
  return Math.sqrt(squares / divisor);
}

/** Smallest value, without the argument limit of Math.min; Infinity of nothing. */
export function minimum(values: Iterable<number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const value of values) if (value < least) least = value;
  return least;
}

/** Largest value; -Infinity of nothing. */
export function maximum(values: Iterable<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) if (value > most) most = value;
  return most;
}

/** Quantile by linear interpolation between order statistics (numpy's default), q in [0, 1]; NaN of nothing. */
export function quantile(values: Iterable<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return Number.NaN;
  const position = q * (sorted.length - 1);
  const below = sorted[Math.floor(position)] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below + (above - below) * (position - Math.floor(position));
}

export interface Interval {
  readonly lo: number;
  readonly hi: number;
}

/** Wilson's score interval of a rate (Wilson 1927); z = 1.96 is 95 %. Of no trials: [0, 1]. */
export function wilsonInterval(successes: number, trials: number, z = 1.959963984540054): Interval {
  if (trials === 0) return { lo: 0, hi: 1 };
  const rate = successes / trials;
  const z2 = z * z;
  const center = (rate + z2 / (2 * trials)) / (1 + z2 / trials);
  const half = (z / (1 + z2 / trials)) * Math.sqrt((rate * (1 - rate)) / trials + z2 / (4 * trials * trials));
  // At the ends the two terms are equal; rounding must not leave an interval that excludes the rate itself.
  return { lo: successes === 0 ? 0 : Math.max(0, center - half), hi: successes === trials ? 1 : Math.min(1, center + half) };
}

/**
 * Percentile bootstrap interval of a mean (Efron 1979): the middle 95 % of the means of 2,000 samples drawn with repetition, from a fixed
 * seed. Of one value that value; of none [NaN, NaN].
 */
export function bootstrapInterval(values: readonly number[]): Interval {
  const random = new SmallRng(values.length);
  const means = Array.from({ length: 2000 }, () => {
    let total = 0;
    for (let i = 0; i < values.length; i++) total += values[random.integer(values.length)] as number;
    return total / values.length;
  });
  return { lo: quantile(means, 0.025), hi: quantile(means, 0.975) };
}

/** Unbiased pass@k of n samples with c successes: 1 − C(n − c, k) / C(n, k) (Chen et al. 2021). Needs k ≤ n. */
export function passAtK(n: number, c: number, k: number): number {
  if (!(k >= 1 && k <= n && c >= 0 && c <= n)) throw new RangeError(`expected 1 ≤ k ≤ n and 0 ≤ c ≤ n, got n=${n}, c=${c}, k=${k}`);
  if (n - c < k) return 1;
  let miss = 1;
  for (let i = n - c + 1; i <= n; i++) miss *= 1 - k / i;
  return 1 - miss;
}
