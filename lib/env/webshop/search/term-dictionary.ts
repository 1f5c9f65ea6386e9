/**
 * The terms of an index in one block of UTF-16 code units, sorted: looked up by bisection, so that opening an index costs nothing however
 * many terms it has, and threads can share it.
 */
export class TermDictionary {
  readonly #characters: Uint16Array;
  readonly #starts: Uint32Array;

  /** `characters`: all terms end to end in ascending order; `starts` [terms + 1]: where each begins. */
  constructor(characters: Uint16Array, starts: Uint32Array) {
    this.#characters = characters;
    this.#starts = starts;
  }

  get size(): number {
    return this.#starts.length - 1;
  }

  /** The number of a term, undefined where the index does not have it. */
  find(term: string): number | undefined {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(middle, term);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  at(number: number): string {
    return String.fromCharCode(...this.#characters.subarray(this.#starts[number], this.#starts[number + 1]));
  }

  #compare(number: number, term: string): number {
    const begin = this.#starts[number] ?? 0;
    const length = (this.#starts[number + 1] ?? 0) - begin;
    const common = Math.min(length, term.length);
    for (let i = 0; i < common; i++) {
      const difference = (this.#characters[begin + i] ?? 0) - term.charCodeAt(i);
      if (difference !== 0) return difference;
    }
    return length - term.length;
  }
}
