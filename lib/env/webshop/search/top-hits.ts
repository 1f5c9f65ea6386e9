/** One hit: the document's number, and its BM25 score (float32). */
export interface Hit {
  readonly document: number;
  readonly score: number;
}

/** The best documents so far: by score, equal scores by rank (the order of ids). */
export class TopHits {
  readonly #limit: number;
  readonly #ranks: Uint32Array;
  /** Best first. */
  readonly #hits: Hit[] = [];

  constructor(limit: number, ranks: Uint32Array) {
    this.#limit = limit;
    this.#ranks = ranks;
  }

  /** Considers the documents begin … begin + length − 1, whose sums these are; a sum of 0 is no hit. */
  offer(sums: Float64Array, begin: number, length: number): void {
    let bar = this.#bar();
    for (let slot = 0; slot < length; slot++) {
      if ((sums[slot] as number) <= bar) continue;
      this.#insert({ document: begin + slot, score: Math.fround(sums[slot] as number) });
      bar = this.#bar();
    }
  }

  sorted(): Hit[] {
    return this.#hits;
  }

  /** Sums up to this one cannot enter: below what rounds to the last hit's score. */
  #bar(): number {
    if (this.#limit <= 0) return Number.POSITIVE_INFINITY;
    const last = this.#hits.length < this.#limit ? undefined : this.#hits[this.#hits.length - 1];
    return last === undefined ? 0 : last.score * (1 - 2 ** -23);
  }

  #insert(hit: Hit): void {
    let low = 0;
    let high = this.#hits.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#before(this.#hits[middle] as Hit, hit)) low = middle + 1;
      else high = middle;
    }
    if (low >= this.#limit) return;
    if (this.#hits.length === this.#limit) this.#hits.pop();
    this.#hits.splice(low, 0, hit);
  }

  #before(a: Hit, b: Hit): boolean {
    return a.score > b.score || (a.score === b.score && (this.#ranks[a.document] ?? 0) < (this.#ranks[b.document] ?? 0));
  }
}
