import { termScore } from './bm25.ts';
import type { IndexArrays } from './index-arrays.ts';
import { type Hit, TopHits } from './top-hits.ts';

/*
 * The best documents of a bag of words, exactly, without a look at most postings: MaxScore (Turtle and Flood 1995) in windows of documents.
 *
 * Terms stand in the order of what they can add to a score at most, the highest first. Once the last hit's score is above what the tail of
 * that order can add together, a document needs one of the other, essential terms to become a hit. Only the essential terms' postings are
 * added up; the few documents that could still enter look their other terms up. The sums are the same doubles in any order: all addends are
 * float32, and of magnitudes so close that no sum is ever rounded.
 */

/** Documents that are scored at a time: their sums fit a core's own cache. */
export const windowLength = 1 << 14;

/**
 * Share of the last hit's score that the tail may reach at most. Up to 1 would be right; with less a few more postings are added up and many
 * fewer documents look terms up, which costs some twenty times as much as adding. Best of those tried over 1.18 million products.
 */
const tailShare = 0.65;

/** Documents per posting that the first terms may have together to be worth a search of their own. */
const firstShare = 32;

/** Slots per posting of a window from which on all slots are looked through instead of the postings once more. */
const denseShare = 4;

/** Postings per code from which a table of scores pays. */
const tableShare = 4;

/** One term of a query. */
export class QueryTerm {
  readonly weight: number;
  /** What the term adds to a score at most. */
  readonly bound: number;
  /** Its postings. */
  readonly begin: number;
  readonly end: number;
  #scores: Float64Array | undefined;

  constructor(term: { readonly weight: number; readonly bound: number; readonly begin: number; readonly end: number }) {
    this.weight = term.weight;
    this.bound = term.bound;
    this.begin = term.begin;
    this.end = term.end;
  }

  /** Score by posting code, in doubles that hold float32 values; undefined where that is more work than the postings themselves. */
  scores(parts: Float64Array): Float64Array | undefined {
    if (this.end - this.begin < tableShare * parts.length) return undefined;
    this.#scores ??= parts.map((part) => termScore(this.weight, part));
    return this.#scores;
  }
}

export class MaxScore {
  readonly #documents: number;
  readonly #ranks: Uint32Array;
  readonly #postingDocuments: Uint32Array;
  readonly #postingCodes: Uint16Array | Uint32Array;
  /** [codes]: see `termPart`. */
  readonly #parts: Float64Array;
  readonly #sums = new Float64Array(windowLength);
  /** Slots of the window whose documents may become hits. */
  readonly #candidates = new Uint32Array(windowLength);

  constructor({ ranks, postingDocuments, postingCodes }: IndexArrays, parts: Float64Array) {
    this.#documents = ranks.length;
    this.#ranks = ranks;
    this.#postingDocuments = postingDocuments;
    this.#postingCodes = postingCodes;
    this.#parts = parts;
  }

  /** The best `limit` documents. `terms`: the highest bound first. */
  best(terms: readonly QueryTerm[], limit: number): Hit[] {
    const hits = new TopHits(limit, this.#ranks, this.#firstBar(terms, limit));
    this.#collect(terms, hits);
    return hits.sorted();
  }

  /** A sum that the last hit's exceeds for sure: as many documents do so with the first terms alone. */
  #firstBar(terms: readonly QueryTerm[], limit: number): number {
    if (this.#documents <= windowLength) return 0;
    let postings = 0;
    const few = terms.findIndex(({ begin, end }) => {
      postings += end - begin;
      return postings * firstShare > this.#documents;
    });
    if (few <= 0) return 0;
    const hits = new TopHits(limit, this.#ranks);
    this.#collect(terms.slice(0, few), hits);
    return hits.bar;
  }

  /** Offers all documents that can be among the best. */
  #collect(terms: readonly QueryTerm[], best: TopHits): void {
    const rest = boundsOfTails(terms);
    const nexts = terms.map(({ begin }) => begin);
    for (let begin = 0; begin < this.#documents; begin += windowLength) {
      const length = Math.min(windowLength, this.#documents - begin);
      const essential = rest.findIndex((bound) => bound <= best.bar * tailShare);
      const starts = nexts.slice(0, essential);
      let postings = 0;
      for (let at = 0; at < essential; at++) {
        nexts[at] = this.#add(terms[at] as QueryTerm, starts[at] as number, begin, begin + length);
        postings += (nexts[at] as number) - (starts[at] as number);
      }
      if (postings === 0) continue;
      const need = best.bar - (rest[essential] as number);
      const dense = postings * denseShare > length;
      let count = dense ? this.#scan(length, need) : this.#revisit(starts, nexts, begin, need);
      for (let at = essential; at < terms.length && count > 0; at++) {
        nexts[at] = this.#lookUp(terms[at] as QueryTerm, nexts[at] as number, begin, count);
        count = this.#keep(count, best.bar - (rest[at + 1] as number));
      }
      this.#offer(best, begin, count);
      if (dense) this.#sums.fill(0, 0, length);
    }
  }

  /** Adds a term's scores to the sums of documents up to `end`; returns the place of its first posting behind them. */
  #add(term: QueryTerm, from: number, begin: number, end: number): number {
    const { weight } = term;
    const scores = term.scores(this.#parts);
    const documents = this.#postingDocuments;
    const codes = this.#postingCodes;
    const sums = this.#sums;
    const stop = firstAtLeast(documents, end, from, term.end);
    if (scores === undefined) {
      const parts = this.#parts;
      for (let place = from; place < stop; place++) {
        const slot = (documents[place] as number) - begin;
        sums[slot] = (sums[slot] as number) + termScore(weight, parts[codes[place] as number] as number);
      }
    } else {
      for (let place = from; place < stop; place++) {
        const slot = (documents[place] as number) - begin;
        sums[slot] = (sums[slot] as number) + (scores[codes[place] as number] as number);
      }
    }
    return stop;
  }

  /** The candidates of a window of which many slots were added to. */
  #scan(length: number, need: number): number {
    const sums = this.#sums;
    const candidates = this.#candidates;
    let count = 0;
    for (let slot = 0; slot < length; slot++) {
      if ((sums[slot] as number) > need) candidates[count++] = slot;
    }
    return count;
  }

  /** The candidates among the slots that were added to; the sums of the others are zero again. */
  #revisit(starts: readonly number[], stops: readonly number[], begin: number, need: number): number {
    const documents = this.#postingDocuments;
    const sums = this.#sums;
    const candidates = this.#candidates;
    const found: number[] = [];
    let count = 0;
    starts.forEach((start, at) => {
      const stop = stops[at] as number;
      for (let place = start; place < stop; place++) {
        const slot = (documents[place] as number) - begin;
        const sum = sums[slot] as number;
        if (sum > need) {
          candidates[count++] = slot;
          found.push(sum);
        }
        sums[slot] = 0;
      }
    });
    for (let at = 0; at < count; at++) sums[candidates[at] as number] = found[at] as number;
    candidates.subarray(0, count).sort();
    return count;
  }

  /** Adds a term's scores to the sums of the candidates alone; returns where to go on in its postings. */
  #lookUp({ weight, end }: QueryTerm, from: number, begin: number, count: number): number {
    const documents = this.#postingDocuments;
    const codes = this.#postingCodes;
    const parts = this.#parts;
    const sums = this.#sums;
    const candidates = this.#candidates;
    let place = from;
    for (let at = 0; at < count && place < end; at++) {
      const slot = candidates[at] as number;
      place = firstAtLeast(documents, begin + slot, place, end);
      if (place < end && documents[place] === begin + slot) {
        sums[slot] = (sums[slot] as number) + termScore(weight, parts[codes[place] as number] as number);
      }
    }
    return place;
  }

  /** Drops the candidates that need more than they can still get, and returns how many are left. */
  #keep(count: number, need: number): number {
    const sums = this.#sums;
    const candidates = this.#candidates;
    let kept = 0;
    for (let at = 0; at < count; at++) {
      const slot = candidates[at] as number;
      if ((sums[slot] as number) > need) candidates[kept++] = slot;
      else sums[slot] = 0;
    }
    return kept;
  }

  #offer(best: TopHits, begin: number, count: number): void {
    for (let at = 0; at < count; at++) {
      const slot = this.#candidates[at] as number;
      best.offer(begin + slot, this.#sums[slot] as number);
      this.#sums[slot] = 0;
    }
  }
}

/** [terms + 1]: what the terms from each on can add together, 0 at the end. */
function boundsOfTails(terms: readonly QueryTerm[]): number[] {
  const bounds = new Array<number>(terms.length + 1).fill(0);
  for (let at = terms.length - 1; at >= 0; at--) bounds[at] = (bounds[at + 1] as number) + (terms[at] as QueryTerm).bound;
  return bounds;
}

/** The first place in [from, to) of an ascending list that holds `value` or more, else `to`: steps that double, then bisection. */
function firstAtLeast(list: Uint32Array, value: number, from: number, to: number): number {
  let low = from;
  let step = 1;
  while (low + step < to && (list[low + step] as number) < value) {
    low += step;
    step *= 2;
  }
  let high = Math.min(to, low + step);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
