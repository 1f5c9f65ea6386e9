/** A binary heap that gives the largest element first; `above(a, b)`: a comes out before b. */
export class MaxHeap<T> {
  readonly #above: (a: T, b: T) => boolean;
  readonly #items: T[] = [];

  constructor(above: (a: T, b: T) => boolean) {
    this.#above = above;
  }

  push(item: T): void {
    const items = this.#items;
    let index = items.length;
    items.push(item);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#above(item, items[parent] as T)) break;
      items[index] = items[parent] as T;
      index = parent;
    }
    items[index] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#above(items[child + 1] as T, items[child] as T)) child++;
      if (!this.#above(items[child] as T, last)) break;
      items[index] = items[child] as T;
      index = child;
    }
    items[index] = last;
    return top;
  }
}
