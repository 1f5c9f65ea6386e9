import { analyze } from './analyzer.ts';
import { inverseNorm, termPart, termScore, termWeight } from './bm25.ts';
import { type IndexArrays, type IndexCounts, viewArrays } from './index-arrays.ts';
import { TermDictionary } from './term-dictionary.ts';
import { type Hit, TopHits } from './top-hits.ts';

/** Documents that are scored at a time: their sums fit a core's own cache. */
const windowLength = 1 << 14;

/** One term of a query on its way through the documents. */
interface Cursor {
  readonly weight: number;
  /** Score by posting code, in doubles that hold float32 values; undefined for a term with fewer postings than there are codes. */
  readonly scores: Float64Array | undefined;
  next: number;
  readonly end: number;
}

/**
 * A full-text index that scores as Lucene does (see bm25.ts). A query is a bag of terms joined by OR, each weighted by how often it occurs
 * in the query. Everything lies in one shared buffer: pass `buffer` and `counts` to a worker thread and construct the index again there.
 */
export class SearchIndex {
  readonly buffer: SharedArrayBuffer;
  readonly counts: IndexCounts;
  readonly #arrays: IndexArrays;
  readonly #dictionary: TermDictionary;
  /** [codes]: see `termPart`. */
  readonly #parts: Float64Array;
  readonly #sums = new Float64Array(windowLength);

  constructor(buffer: SharedArrayBuffer, counts: IndexCounts) {
    this.buffer = buffer;
    this.counts = counts;
    this.#arrays = viewArrays(buffer, counts);
    this.#dictionary = new TermDictionary(this.#arrays.characters, this.#arrays.termStarts);
    const { codeFrequencies, codeLengths } = this.#arrays;
    this.#parts = Float64Array.from(codeLengths, (length, code) =>
      termPart(codeFrequencies[code] ?? 0, inverseNorm(length, counts.averageLength)),
    );
  }

  /** The best `limit` documents: by score, equal scores by id. */
  search(query: string, limit = 50): Hit[] {
    const cursors = this.#cursors(query);
    const best = new TopHits(limit, this.#arrays.ranks);
    const { documents } = this.counts;
    for (let begin = 0; begin < documents && cursors.length > 0; begin += windowLength) {
      const length = Math.min(windowLength, documents - begin);
      if (!this.#addWindow(cursors, begin, begin + length)) continue;
      best.offer(this.#sums, begin, length);
      this.#sums.fill(0, 0, length);
    }
    return best.sorted();
  }

  /** For every term, in string order: in how many documents it occurs, and how often in all of them. */
  *vocabulary(): Generator<[term: string, documents: number, occurrences: number]> {
    const { postingStarts, postingCodes, codeFrequencies } = this.#arrays;
    for (let number = 0; number < this.counts.terms; number++) {
      const begin = postingStarts[number] ?? 0;
      const end = postingStarts[number + 1] ?? 0;
      let occurrences = 0;
      for (let place = begin; place < end; place++) occurrences += codeFrequencies[postingCodes[place] ?? 0] ?? 0;
      yield [this.#dictionary.at(number), end - begin, occurrences];
    }
  }

  #cursors(query: string): Cursor[] {
    const repeats = new Map<string, number>();
    for (const term of analyze(query)) repeats.set(term, (repeats.get(term) ?? 0) + 1);
    const cursors: Cursor[] = [];
    for (const [term, count] of repeats) {
      const number = this.#dictionary.find(term);
      if (number === undefined) continue;
      const next = this.#arrays.postingStarts[number] ?? 0;
      const end = this.#arrays.postingStarts[number + 1] ?? 0;
      const weight = termWeight(count, end - next, this.counts.documentsWithText);
      cursors.push({ weight, scores: end - next < this.counts.codes ? undefined : this.#scores(weight), next, end });
    }
    return cursors;
  }

  #scores(weight: number): Float64Array {
    return this.#parts.map((part) => termScore(weight, part));
  }

  /** Adds the scores of documents [begin, end) to the sums; false if no term occurs there. */
  #addWindow(cursors: readonly Cursor[], begin: number, end: number): boolean {
    const { postingDocuments, postingCodes } = this.#arrays;
    const sums = this.#sums;
    const parts = this.#parts;
    let any = false;
    for (const cursor of cursors) {
      const { scores, weight } = cursor;
      const stop = firstAtLeast(postingDocuments, end, cursor.next, cursor.end);
      if (scores === undefined) {
        for (let place = cursor.next; place < stop; place++) {
          const slot = (postingDocuments[place] as number) - begin;
          sums[slot] = (sums[slot] as number) + termScore(weight, parts[postingCodes[place] as number] as number);
        }
      } else {
        for (let place = cursor.next; place < stop; place++) {
          const slot = (postingDocuments[place] as number) - begin;
          sums[slot] = (sums[slot] as number) + (scores[postingCodes[place] as number] as number);
        }
      }
      any ||= stop > cursor.next;
      cursor.next = stop;
    }
    return any;
  }
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
