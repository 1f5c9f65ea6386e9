import type { PythonRandom } from '../python/python-random.ts';

/**
 * Draws places by weight as WebShop does (`random_idx`): a place of the running sums, which begin with 0, is bisected to the right and
 * bounded by the last weight. With two weights or more, place 0 is therefore never drawn and the last has its neighbour's share too.
 */
export class WeightedDraw {
  /** [weights + 1] */
  readonly #sums: Float64Array;

  /** `weights`: at least one. */
  constructor(weights: ArrayLike<number>) {
    const sums = new Float64Array(weights.length + 1);
    for (let i = 0; i < weights.length; i++) sums[i + 1] = (sums[i] as number) + (weights[i] as number);
    this.#sums = sums;
  }

  get length(): number {
    return this.#sums.length - 1;
  }

  draw(random: PythonRandom): number {
    const position = random.uniform(0, this.#sums[this.length] as number);
    let low = 0;
    let high = this.#sums.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (position < (this.#sums[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return Math.min(low, this.length - 1);
  }
}
