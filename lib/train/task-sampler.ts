import { deriveSeed, Rng } from '../util/rng.ts';

/**
 * Visits tasks in epochs, each a seeded shuffle of all of them. Which task a visit meets depends on (seed, position) alone, so a
 * resumed run goes on where it stopped.
 */
export class TaskSampler {
  readonly #pool: readonly number[];
  readonly #seed: bigint;
  #epoch = -1;
  #order: readonly number[] = [];

  /** Of `length` tasks; with `limit`, of that many chosen once by the seed. */
  constructor(length: number, seed: bigint, limit = length) {
    const all = Array.from({ length }, (_, index) => index);
    this.#pool = limit >= length ? all : new Rng(deriveSeed(seed, 'task-pool')).shuffle(all).slice(0, limit);
    this.#seed = seed;
  }

  /** Task index of visit 0, 1, … */
  visit(position: number): number {
    const epoch = Math.floor(position / this.#pool.length);
    if (epoch !== this.#epoch) {
      this.#order = new Rng(deriveSeed(this.#seed, 'task-order', epoch)).shuffle([...this.#pool]);
      this.#epoch = epoch;
    }
    return this.#order[position % this.#pool.length] as number;
  }

  /** Task indices of the first `count` visits. */
  visits(count: number): number[] {
    return Array.from({ length: count }, (_, position) => this.visit(position));
  }
}
