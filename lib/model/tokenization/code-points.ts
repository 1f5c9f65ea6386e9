/**
 * A set of Unicode code points as an inversion list: members are start ≤ c < end for each pair of successive bounds. Sets of our
 * own, not those of JavaScript's regular expressions, because each version of Node knows another version of Unicode.
 */
export class CodePointSet {
  /** Ascending: start, end (exclusive), start, end, … */
  readonly bounds: readonly number[];

  private constructor(bounds: readonly number[]) {
    this.bounds = bounds;
  }

  static readonly none = new CodePointSet([]);
  static readonly all = new CodePointSet([0, 0x110000]);

  /** Code points from `first` to `last`, both included. */
  static range(first: number, last: number = first): CodePointSet {
    return new CodePointSet([first, last + 1]);
  }

  static of(characters: string): CodePointSet {
    return CodePointSet.union(Array.from(characters, (character) => CodePointSet.range(character.codePointAt(0) ?? 0)));
  }

  /** From base-36 numbers between white space: how far each bound is from the one before. */
  static unpack(packed: string): CodePointSet {
    let bound = 0;
    return new CodePointSet(
      packed
        .trim()
        .split(/\s+/)
        .map((step) => {
          bound += Number.parseInt(step, 36);
          return bound;
        }),
    );
  }

  static union(sets: readonly CodePointSet[]): CodePointSet {
    const ranges = sets.flatMap(({ ranges }) => ranges).sort(([a], [b]) => a - b);
    const bounds: number[] = [];
    for (const [start, end] of ranges) {
      const last = bounds.at(-1);
      if (last !== undefined && start <= last) bounds[bounds.length - 1] = Math.max(last, end);
      else bounds.push(start, end);
    }
    return new CodePointSet(bounds);
  }

  /** Pairs of first member and the first code point after. */
  get ranges(): [number, number][] {
    const ranges: [number, number][] = [];
    for (let i = 0; i < this.bounds.length; i += 2) ranges.push([this.bounds[i] ?? 0, this.bounds[i + 1] ?? 0]);
    return ranges;
  }

  get complement(): CodePointSet {
    const { bounds } = this;
    const inner = bounds[0] === 0 ? bounds.slice(1) : [0, ...bounds];
    return new CodePointSet(inner.at(-1) === 0x110000 ? inner.slice(0, -1) : [...inner, 0x110000]);
  }

  intersect(other: CodePointSet): CodePointSet {
    return CodePointSet.union([this.complement, other.complement]).complement;
  }

  has(codePoint: number): boolean {
    const { bounds } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((bounds[middle] ?? 0) <= codePoint) low = middle + 1;
      else high = middle;
    }
    return low % 2 === 1;
  }

  /** A character class for regular expressions in Unicode mode. */
  get source(): string {
    if (this.bounds.length === 2 && this.bounds[0] === 0 && this.bounds[1] === 0x110000) return '[^]';
    const escaped = (codePoint: number) => `\\u{${codePoint.toString(16)}}`;
    return `[${this.ranges.map(([start, end]) => (end === start + 1 ? escaped(start) : `${escaped(start)}-${escaped(end - 1)}`)).join('')}]`;
  }
}
