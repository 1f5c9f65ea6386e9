import { createHash } from 'node:crypto';

/** A 64-bit seed from any parts, the same on every machine: the first eight bytes of SHA-256 over their JSON. */
export function deriveSeed(...parts: readonly (string | number | bigint)[]): bigint {
  const text = JSON.stringify(parts.map((part) => (typeof part === 'bigint' ? `${part}n` : part)));
  return createHash('sha256').update(text).digest().readBigUInt64LE(0);
}

const mask64 = (1n << 64n) - 1n;

/**
 * SplitMix64 (Steele, Lea, Flood 2014): a small generator for choices made in TypeScript (shuffles, synthetic data).
 * Token sampling has its own native stream.
 */
export class Rng {
  #state: bigint;

  constructor(seed: bigint) {
    this.#state = seed & mask64;
  }

  /** The next 64 bits. */
  nextBits(): bigint {
    this.#state = (this.#state + 0x9e3779b97f4a7c15n) & mask64;
    let z = this.#state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask64;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask64;
    return z ^ (z >> 31n);
  }

  /** A double in [0, 1) with 53 random bits. */
  uniform(): number {
    return Number(this.nextBits() >> 11n) / 2 ** 53;
  }

  /** An integer in [0, n). */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** One element of a non-empty array. */
  pick<T>(values: readonly T[]): T {
    return values[this.integer(values.length)] as T;
  }

  /** Fisher-Yates, in place; returns its argument. */
  shuffle<T>(values: T[]): T[] {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [values[i], values[j]] = [values[j] as T, values[i] as T];
    }
    return values;
  }
}
