const size = 624;
const middle = 397;

/**
 * The random numbers of Python's `random` module (MT19937, Matsumoto and Nishimura 1998), draw for draw: WebShop's price bounds and
 * its goal order come from it, so a goal index means the same goal here as in published work.
 */
export class PythonRandom {
  readonly #state = new Uint32Array(size);
  #index = size;

  /** `seed`: any integer; its absolute value counts, as in Python. */
  constructor(seed: number | bigint) {
    this.seed(seed);
  }

  seed(seed: number | bigint): void {
    let rest = BigInt(seed);
    if (rest < 0n) rest = -rest;
    const key: number[] = [];
    do {
      key.push(Number(rest & 0xffffffffn));
      rest >>= 32n;
    } while (rest > 0n);
    this.#seedByArray(key);
  }

  #seedByArray(key: readonly number[]): void {
    const state = this.#state;
    state[0] = 19650218;
    for (let i = 1; i < size; i++) state[i] = Math.imul(1812433253, at(state, i - 1) ^ (at(state, i - 1) >>> 30)) + i;
    let i = 1;
    let j = 0;
    const advance = (): void => {
      i++;
      if (i >= size) {
        state[0] = at(state, size - 1);
        i = 1;
      }
    };
    for (let k = Math.max(size, key.length); k > 0; k--) {
      const previous = at(state, i - 1);
      state[i] = (at(state, i) ^ Math.imul(previous ^ (previous >>> 30), 1664525)) + (key[j] ?? 0) + j;
      j = (j + 1) % key.length;
      advance();
    }
    for (let k = size - 1; k > 0; k--) {
      const previous = at(state, i - 1);
      state[i] = (at(state, i) ^ Math.imul(previous ^ (previous >>> 30), 1566083941)) - i;
      advance();
    }
    state[0] = 0x80000000;
    this.#index = size;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < size; i++) {
      const y = (at(state, i) & 0x80000000) | (at(state, (i + 1) % size) & 0x7fffffff);
      state[i] = at(state, (i + middle) % size) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#index = 0;
  }

  /** The next 32 bits. */
  next32(): number {
    if (this.#index >= size) this.#twist();
    let y = at(this.#state, this.#index++);
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** `getrandbits(k)` for 1 to 32 bits. */
  bits(k: number): number {
    return this.next32() >>> (32 - k);
  }

  /** A double in [0, 1) with 53 random bits. */
  random(): number {
    const high = this.next32() >>> 5;
    const low = this.next32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.random();
  }

  /** An integer in [0, n), n of at most 32 bits. */
  below(n: number): number {
    const k = 32 - Math.clz32(n);
    let drawn = this.bits(k);
    while (drawn >= n) drawn = this.bits(k);
    return drawn;
  }

  /** In place; returns its argument. */
  shuffle<T extends unknown[] | Uint32Array>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [values[i], values[j]] = [values[j], values[i]];
    }
    return values;
  }

  /** `k` values at distinct places. */
  sample<T>(values: readonly T[], k: number): T[] {
    return this.sampleBelow(values.length, k).map((j) => values[j] as T);
  }

  /** `k` distinct integers in [0, n). */
  sampleBelow(n: number, k: number): number[] {
    // Python takes whichever of the two needs less memory; the draws differ, so its threshold is part of the result.
    const threshold = 21 + (k > 5 ? 4 ** Math.ceil(Math.log(k * 3) / Math.log(4)) : 0);
    if (n > threshold) {
      const taken = new Set<number>();
      while (taken.size < k) taken.add(this.below(n));
      return [...taken];
    }
    const pool = Array.from({ length: n }, (_, i) => i);
    return Array.from({ length: k }, (_, i) => {
      const j = this.below(n - i);
      const value = pool[j] as number;
      pool[j] = pool[n - i - 1] as number;
      return value;
    });
  }

  choices<T>(values: readonly T[], k: number): T[] {
    return Array.from({ length: k }, () => values[Math.floor(this.random() * values.length)] as T);
  }
}

function at(state: Uint32Array, index: number): number {
  return state[index] as number;
}
