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
  #bar: number;

  /** `bar`: sums up to this one are known not to enter. */
  constructor(limit: number, ranks: Uint32Array, bar = 0) {
    this.#limit = limit;
    this.#ranks = ranks;
    this.#bar = limit > 0 ? bar : Number.POSITIVE_INFINITY;
  }

  /** Considers a document; a sum of 0 is no hit. */
  offer(document: number, sum: number): void {
    if (sum > this.#bar) this.#insert({ document, score: Math.fround(sum) });
  }

  /** Sums up to this one cannot enter: what rounds to less than the last hit's score. */
  get bar(): number {
    return this.#bar;
  }

  sorted(): Hit[] {
    return this.#hits;
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
    if (this.#hits.length === this.#limit) this.#bar = Math.max(this.#bar, barBelow((this.#hits[this.#limit - 1] as Hit).score));
  }

  #before(a: Hit, b: Hit): boolean {
    return a.score > b.score || (a.score === b.score && (this.#ranks[a.document] ?? 0) < (this.#ranks[b.document] ?? 0));
  }
}

/** A sum up to this one rounds to less than `score`. */
function barBelow(score: number): number {
  return score * (1 - 2 ** -23);
}
