/**
 * sfc32 (Doty-Humphrey, PractRand): 32 bits at a time in plain number arithmetic, some fifty times as fast as `Rng`. For bulk data, where
 * hundreds of millions of draws are made; choices that matter to results take `Rng`.
 */
export class SmallRng {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  /** Any number of 32-bit integers. */
  constructor(...seeds: readonly number[]) {
    for (const seed of seeds) {
      this.#a ^= seed | 0;
      for (let i = 0; i < 12; i++) this.nextBits();
    }
  }

  /** The next 32 bits, as an unsigned integer. */
  nextBits(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** A double in [0, 1) with 32 random bits. */
  uniform(): number {
    return this.nextBits() * 2 ** -32;
  }

  /** An integer in [0, n), n up to 2³². */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.integer(values.length)] as T;
  }
}
