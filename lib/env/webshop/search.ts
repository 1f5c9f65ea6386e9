import { analyze } from './analyzer.ts';

const k1 = Math.fround(0.9);
const b = Math.fround(0.4);
const f = Math.fround;

interface Postings {
  readonly documents: number[];
  readonly frequencies: number[];
}

/** One hit: the document's place in the list that was indexed, and its BM25 score (float32). */
export interface Hit {
  readonly document: number;
  readonly score: number;
}

/**
 * BM25 (Robertson and Zaragoza 2009) as Lucene computes it: k1 0.9, b 0.4, no factor (k1 + 1), document lengths of one byte, float32
 * per term. A query is a bag of terms joined by OR, each weighted by how often it occurs in the query.
 */
export class SearchIndex {
  readonly #postings = new Map<string, Postings>();
  readonly #norms: Float64Array;
  readonly #ids: readonly string[];
  readonly #documents: number;

  /** `ids` break ties between equal scores, in string order. */
  constructor(ids: readonly string[], texts: readonly string[]) {
    this.#ids = ids;
    const lengths = texts.map((text, document) => this.#add(document, analyze(text)));
    this.#documents = lengths.filter((length) => length > 0).length;
    const average = f(lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, this.#documents));
    this.#norms = Float64Array.from(lengths, (length) => inverseNorm(storedLength(length), average));
  }

  #add(document: number, terms: readonly string[]): number {
    const counts = countTerms(terms);
    for (const [term, count] of counts) {
      let postings = this.#postings.get(term);
      if (postings === undefined) {
        postings = { documents: [], frequencies: [] };
        this.#postings.set(term, postings);
      }
      postings.documents.push(document);
      postings.frequencies.push(count);
    }
    return terms.length;
  }

  /** The best `limit` documents: by score, equal scores by id. */
  search(query: string, limit = 50): Hit[] {
    const scores = new Map<number, number>();
    for (const [term, count] of countTerms(analyze(query))) {
      const postings = this.#postings.get(term);
      if (postings === undefined) continue;
      const inDocuments = postings.documents.length;
      const idf = f(Math.log(1 + (this.#documents - inDocuments + 0.5) / (inDocuments + 0.5)));
      const weight = f(f(count) * idf);
      postings.documents.forEach((document, i) => {
        const frequency = postings.frequencies[i] ?? 0;
        const norm = this.#norms[document] ?? 0;
        const score = f(weight - f(weight / f(1 + f(frequency * norm))));
        scores.set(document, (scores.get(document) ?? 0) + score);
      });
    }
    const hits = Array.from(scores, ([document, score]) => ({ document, score: f(score) }));
    const id = (hit: Hit): string => this.#ids[hit.document] ?? '';
    hits.sort((x, y) => y.score - x.score || (id(x) < id(y) ? -1 : 1));
    return hits.slice(0, limit);
  }

  /** For every term: in how many documents it occurs, and how often in all of them. */
  *vocabulary(): Generator<[term: string, documents: number, occurrences: number]> {
    for (const [term, { documents, frequencies }] of this.#postings) {
      yield [term, documents.length, frequencies.reduce((sum, frequency) => sum + frequency, 0)];
    }
  }
}

function countTerms(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

function inverseNorm(length: number, average: number): number {
  return f(1 / f(k1 * f(f(1 - b) + f(f(b * length) / average))));
}

/** What is left of a document's length after Lucene stores it in one byte: exact up to 40, then four significant bits above 24. */
export function storedLength(length: number): number {
  const exact = 24;
  if (length < exact) return length;
  const rest = length - exact;
  const bits = 32 - Math.clz32(rest);
  if (bits < 4) return length;
  const shift = bits - 4;
  return exact + ((rest >>> shift) << shift);
}
