import { analyze } from './analyzer.ts';
import { inverseNorm, termPart, termScore, termWeight } from './bm25.ts';
import { blockLength, type IndexArrays, type IndexCounts, viewArrays } from './index-arrays.ts';
import { MaxScore, QueryTerm, windowLength } from './max-score.ts';
import { TermDictionary } from './term-dictionary.ts';
import type { Hit } from './top-hits.ts';

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
  readonly #scorer: MaxScore;

  constructor(buffer: SharedArrayBuffer, counts: IndexCounts) {
    this.buffer = buffer;
    this.counts = counts;
    this.#arrays = viewArrays(buffer, counts);
    this.#dictionary = new TermDictionary(this.#arrays.characters, this.#arrays.termStarts);
    const { codeFrequencies, codeLengths } = this.#arrays;
    this.#parts = Float64Array.from(codeLengths, (length, code) =>
      termPart(codeFrequencies[code] ?? 0, inverseNorm(length, counts.averageLength)),
    );
    this.#scorer = new MaxScore(this.#arrays, this.#parts);
  }

  /** The best `limit` documents: by score, equal scores by id. */
  search(query: string, limit = 50): Hit[] {
    return this.#scorer.best(this.#terms(query), limit);
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

  /** The terms of a query that the index has, the one with the highest bound first. */
  #terms(query: string): QueryTerm[] {
    const repeats = new Map<string, number>();
    for (const term of analyze(query)) repeats.set(term, (repeats.get(term) ?? 0) + 1);
    const terms: QueryTerm[] = [];
    for (const [term, count] of repeats) {
      const number = this.#dictionary.find(term);
      if (number === undefined) continue;
      const begin = this.#arrays.postingStarts[number] ?? 0;
      const end = this.#arrays.postingStarts[number + 1] ?? 0;
      const weight = termWeight(count, end - begin, this.counts.documentsWithText);
      // No score exceeds the weight; the documents of a single window are all scored anyway.
      const bound = this.counts.documents <= windowLength ? weight : termScore(weight, this.#parts[this.#highestCode(begin, end)] ?? 0);
      terms.push(new QueryTerm({ weight, bound, begin, end }));
    }
    return terms.sort((a, b) => b.bound - a.bound);
  }

  /** The highest code of the postings [begin, end). */
  #highestCode(begin: number, end: number): number {
    const { postingCodes, blockCodes } = this.#arrays;
    const firstWhole = Math.ceil(begin / blockLength);
    const lastWhole = Math.floor(end / blockLength);
    if (firstWhole >= lastWhole) return highest(postingCodes, begin, end);
    return Math.max(
      highest(postingCodes, begin, firstWhole * blockLength),
      highest(blockCodes, firstWhole, lastWhole),
      highest(postingCodes, lastWhole * blockLength, end),
    );
  }
}

function highest(values: Uint16Array | Uint32Array, begin: number, end: number): number {
  let most = 0;
  for (let at = begin; at < end; at++) most = Math.max(most, values[at] as number);
  return most;
}
