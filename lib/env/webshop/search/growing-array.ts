const pieceLength = 1 << 20;

/** Numbers appended one by one; grows by whole pieces, so that gigabytes are never copied. */
export class GrowingUint32Array {
  readonly #pieces: Uint32Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const place = this.#length % pieceLength;
    if (place === 0) this.#pieces.push(new Uint32Array(pieceLength));
    (this.#pieces[this.#pieces.length - 1] as Uint32Array)[place] = value;
    this.#length++;
  }

  /** Calls `use` for each piece in order; what it leaves behind can be freed. */
  *drain(): Generator<Uint32Array> {
    let left = this.#length;
    this.#length = 0;
    for (let piece = this.#pieces.shift(); piece !== undefined; piece = this.#pieces.shift()) {
      yield piece.subarray(0, Math.min(left, pieceLength));
      left -= pieceLength;
    }
  }
}
