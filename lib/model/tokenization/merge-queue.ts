/** Positions of a piece by the rank of their merge, and among equal ranks from left to right: a binary heap of plain numbers. */
export class MergeQueue {
  /** rank · 2³² + position: exact, since ranks stay below 2²¹. */
  readonly #keys: number[] = [];

  get empty(): boolean {
    return this.#keys.length === 0;
  }

  push(rank: number, position: number): void {
    const keys = this.#keys;
    const key = rank * 2 ** 32 + position;
    let index = keys.length;
    keys.push(key);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = keys[parent] as number;
      if (above <= key) break;
      keys[index] = above;
      index = parent;
    }
    keys[index] = key;
  }

  /** The first one; only while the queue is not empty. */
  pop(): { rank: number; position: number } {
    const keys = this.#keys;
    const first = keys[0] as number;
    const last = keys.pop() as number;
    if (keys.length > 0) this.#sink(last);
    return { rank: Math.floor(first / 2 ** 32), position: first % 2 ** 32 };
  }

  #sink(key: number): void {
    const keys = this.#keys;
    const { length } = keys;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && (keys[child + 1] as number) < (keys[child] as number)) child++;
      const below = keys[child] as number;
      if (below >= key) break;
      keys[index] = below;
      index = child;
    }
    keys[index] = key;
  }
}
