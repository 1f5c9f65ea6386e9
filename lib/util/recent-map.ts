/** A map of bounded size: when it is full, the entry that was not asked for the longest goes. */
export class RecentMap<K, V> {
  readonly #capacity: number;
  /** The most recently used last. */
  readonly #entries = new Map<K, V>();

  /** `capacity`: entries at most, at least 1. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is kept under `key`, else what `make` gives, which is kept from then on. */
  getOrMake(key: K, make: (key: K) => V): V {
    const kept = this.#entries.get(key);
    if (kept !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, kept);
      return kept;
    }
    const made = make(key);
    this.#entries.set(key, made);
    if (this.#entries.size > this.#capacity) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    return made;
  }
}
