/** A map of bounded size: when it is full, what was not asked for the longest goes. */
export class RecentMap<K, V> {
  readonly #capacity: number;
  readonly #weigh: (key: K, value: V) => number;
  /** The most recently used last. */
  readonly #entries = new Map<K, V>();
  #weight = 0;

  /** `capacity`: what the entries weigh together at most. `weigh`: what one weighs, always the same; default 1, so that entries are counted. */
  constructor(capacity: number, weigh: (key: K, value: V) => number = () => 1) {
    this.#capacity = capacity;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Of all entries together. */
  get weight(): number {
    return this.#weight;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Keeps a value, unless it alone weighs more than the capacity. */
  set(key: K, value: V): void {
    this.#delete(key);
    const weight = this.#weigh(key, value);
    if (weight > this.#capacity) return;
    this.#entries.set(key, value);
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#capacity) return;
      this.#delete(oldest);
    }
  }

  /** What is kept under `key`, else what `make` gives, which is kept from then on. */
  getOrMake(key: K, make: (key: K) => V): V {
    const kept = this.get(key);
    if (kept !== undefined) return kept;
    const made = make(key);
    this.set(key, made);
    return made;
  }

  #delete(key: K): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#weight -= this.#weigh(key, value);
  }
}
