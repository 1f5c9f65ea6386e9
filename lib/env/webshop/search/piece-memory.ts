const empty = -1;

/**
 * Pieces of text whose terms are known, found by their characters in place: no string is made for a piece that was seen before, which
 * is what makes indexing a million documents a matter of a minute. Open addressing over typed arrays.
 */
export class PieceMemory {
  /** Piece numbers, `empty` elsewhere; a power of two long, at most half full. */
  #slots = new Int32Array(1 << 12).fill(empty);
  #hashes = new Int32Array(1 << 11);
  /** Characters of all pieces end to end, and where each begins. */
  #characters = new Uint16Array(1 << 14);
  #starts = new Uint32Array(1 << 11);
  readonly #terms: (readonly number[])[] = [];

  get size(): number {
    return this.#terms.length;
  }

  /** Terms of text[begin, end), or undefined. `hash`: of these characters, by `hashStep` from 0. */
  find(text: string, begin: number, end: number, hash: number): readonly number[] | undefined {
    const mask = this.#slots.length - 1;
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const piece = this.#slots[slot] as number;
      if (piece === empty) return undefined;
      if (this.#hashes[piece] === hash && this.#equals(piece, text, begin, end)) return this.#terms[piece];
    }
  }

  /** Remembers a piece that `find` did not have. */
  add(piece: string, hash: number, terms: readonly number[]): void {
    const number = this.#terms.length;
    const begin = this.#starts[number] as number;
    const end = begin + piece.length;
    if (end > this.#characters.length) this.#characters = longer(this.#characters, end);
    if (number + 2 > this.#starts.length) this.#starts = longer(this.#starts, number + 2);
    if (number + 1 > this.#hashes.length) this.#hashes = longer(this.#hashes, number + 1);
    for (let i = 0; i < piece.length; i++) this.#characters[begin + i] = piece.charCodeAt(i);
    this.#starts[number + 1] = end;
    this.#hashes[number] = hash;
    this.#terms.push(terms);
    if (2 * this.#terms.length > this.#slots.length) this.#rehash();
    else this.#place(number, hash);
  }

  #equals(piece: number, text: string, begin: number, end: number): boolean {
    const start = this.#starts[piece] as number;
    if ((this.#starts[piece + 1] as number) - start !== end - begin) return false;
    for (let i = begin; i < end; i++) {
      if (this.#characters[start + i - begin] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  #place(number: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = spread(hash) & mask;
    while (this.#slots[slot] !== empty) slot = (slot + 1) & mask;
    this.#slots[slot] = number;
  }

  #rehash(): void {
    this.#slots = new Int32Array(2 * this.#slots.length).fill(empty);
    for (let number = 0; number < this.#terms.length; number++) this.#place(number, this.#hashes[number] as number);
  }
}

/** Hash of a text of which `hash` is the hash without its last character. */
export function hashStep(hash: number, character: number): number {
  return (Math.imul(hash, 0x01000193) + character) | 0;
}

/** Lower bits of a product depend on lower bits only; this brings the upper ones down. */
function spread(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}

function longer<T extends Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>>(array: T, atLeast: number): T {
  const larger = new (array.constructor as new (length: number) => T)(Math.max(2 * array.length, atLeast));
  larger.set(array);
  return larger;
}
