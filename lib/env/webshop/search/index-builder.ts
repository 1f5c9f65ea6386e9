import { analyze } from './analyzer.ts';
import { inverseNorm, storedLength, termPart } from './bm25.ts';
import { GrowingUint32Array } from './growing-array.ts';
import { blockLength, bytesOf, type IndexArrays, type IndexCounts, viewArrays } from './index-arrays.ts';
import { hashStep, PieceMemory } from './piece-memory.ts';
import { SearchIndex } from './search-index.ts';
import { unattached } from './unattached.ts';

/** Most pieces of text whose terms are remembered while building; they are short and repeat. */
const mostRemembered = 4_000_000;

const blank = 32;

function isBlank(character: number): boolean {
  return character === blank || (character >= 9 && character <= 13);
}

/** Takes documents one by one and makes their index. Memory: about twice the index's own, until `finish` has returned. */
export class IndexBuilder {
  readonly #ids: string[] = [];
  readonly #terms = new Map<string, number>();
  /** Terms of a piece between blanks; no token of the analysis crosses an ASCII blank. */
  #remembered = new PieceMemory();
  readonly #codes = new Map<number, number>();
  /** Postings in the order of documents: term, code; `#distinct` per document. */
  readonly #postingTerms = new GrowingUint32Array();
  readonly #postingCodes = new GrowingUint32Array();
  readonly #distinct = new GrowingUint32Array();
  #occurrences = new Uint32Array(1 << 16);
  #totalLength = 0;
  #documentsWithText = 0;

  /** `id` breaks ties between equal scores, in string order. Documents are numbered as they come. */
  add(id: string, text: string): void {
    this.#ids.push(id);
    const touched: number[] = [];
    let length = 0;
    let begin = 0;
    let hash = 0;
    for (let at = 0; at <= text.length; at++) {
      const character = at < text.length ? text.charCodeAt(at) : blank;
      if (!isBlank(character)) {
        hash = hashStep(hash, character);
        continue;
      }
      if (at > begin) {
        const terms = this.#remembered.find(text, begin, at, hash) ?? this.#analyze(text.slice(begin, at), hash);
        length += terms.length;
        for (const term of terms) {
          if (term >= this.#occurrences.length) this.#occurrences = grown(this.#occurrences);
          const before = this.#occurrences[term] as number;
          if (before === 0) touched.push(term);
          this.#occurrences[term] = before + 1;
        }
      }
      begin = at + 1;
      hash = 0;
    }
    const stored = storedLength(length);
    for (const term of touched) {
      this.#postingTerms.push(term);
      this.#postingCodes.push(this.#code(this.#occurrences[term] ?? 0, stored));
      this.#occurrences[term] = 0;
    }
    this.#distinct.push(touched.length);
    this.#totalLength += length;
    if (length > 0) this.#documentsWithText++;
  }

  /** The index of all documents so far; the builder is empty afterwards. */
  finish(): SearchIndex {
    const terms = [...this.#terms.keys()].sort();
    const counts: IndexCounts = {
      documents: this.#ids.length,
      documentsWithText: this.#documentsWithText,
      terms: terms.length,
      characters: terms.reduce((sum, term) => sum + term.length, 0),
      postings: this.#postingTerms.length,
      codes: this.#codes.size,
      averageLength: Math.fround(this.#totalLength / Math.max(1, this.#documentsWithText)),
    };
    const buffer = new SharedArrayBuffer(bytesOf(counts));
    const arrays = viewArrays(buffer, counts);
    const numbers = this.#writeTerms(terms, arrays);
    this.#remembered = new PieceMemory();
    this.#terms.clear();
    const codes = this.#writeCodes(counts.averageLength, arrays);
    this.#writePostings(numbers, codes, arrays);
    writeBlocks(arrays);
    const order = this.#ids.map((_, document) => document).sort((x, y) => compare(this.#ids[x] ?? '', this.#ids[y] ?? ''));
    order.forEach((document, rank) => {
      arrays.ranks[document] = rank;
    });
    return new SearchIndex(buffer, counts);
  }

  /** Terms in sorted order; returns where each of the builder's own numbers went. */
  #writeTerms(terms: readonly string[], arrays: IndexArrays): Uint32Array {
    const numbers = new Uint32Array(terms.length);
    let at = 0;
    terms.forEach((term, number) => {
      numbers[this.#terms.get(term) ?? 0] = number;
      arrays.termStarts[number] = at;
      for (let i = 0; i < term.length; i++) arrays.characters[at++] = term.charCodeAt(i);
    });
    arrays.termStarts[terms.length] = at;
    return numbers;
  }

  /** Codes in ascending order of their part of a score; returns where each of the builder's own went. */
  #writeCodes(averageLength: number, arrays: IndexArrays): Uint32Array {
    const pairs = Array.from(this.#codes, ([pair, code]) => {
      const frequency = Math.floor(pair / maxLengths);
      const length = pair % maxLengths;
      return { code, frequency, length, part: termPart(frequency, inverseNorm(length, averageLength)) };
    });
    const moved = new Uint32Array(pairs.length);
    pairs.sort((a, b) => a.part - b.part);
    pairs.forEach(({ code, frequency, length }, number) => {
      moved[code] = number;
      arrays.codeFrequencies[number] = frequency;
      arrays.codeLengths[number] = length;
    });
    return moved;
  }

  /** From document order to term order, by counting. */
  #writePostings(numbers: Uint32Array, moved: Uint32Array, { postingStarts, postingDocuments, postingCodes }: IndexArrays): void {
    const pairs = zipDrained(this.#postingTerms, this.#postingCodes);
    const held: { terms: Uint32Array; codes: Uint32Array }[] = [];
    for (const pair of pairs) {
      held.push(pair);
      for (const term of pair.terms) {
        const number = (numbers[term] ?? 0) + 1;
        postingStarts[number] = (postingStarts[number] ?? 0) + 1;
      }
    }
    for (let i = 1; i < postingStarts.length; i++) postingStarts[i] = (postingStarts[i] ?? 0) + (postingStarts[i - 1] ?? 0);
    const next = postingStarts.slice();
    let document = -1;
    let left = 0;
    const distinct = valuesOf(this.#distinct);
    for (let pair = held.shift(); pair !== undefined; pair = held.shift()) {
      const { terms, codes } = pair;
      for (let i = 0; i < terms.length; i++) {
        while (left === 0) {
          left = distinct.next().value ?? 0;
          document++;
        }
        left--;
        const number = numbers[terms[i] ?? 0] ?? 0;
        const place = next[number] ?? 0;
        next[number] = place + 1;
        postingDocuments[place] = document;
        postingCodes[place] = moved[codes[i] ?? 0] ?? 0;
      }
    }
  }

  #analyze(piece: string, hash: number): readonly number[] {
    const terms = analyze(piece).map((term) => {
      const known = this.#terms.get(term);
      if (known !== undefined) return known;
      const number = this.#terms.size;
      this.#terms.set(unattached(term), number);
      return number;
    });
    if (this.#remembered.size < mostRemembered) this.#remembered.add(piece, hash, terms);
    return terms;
  }

  #code(frequency: number, stored: number): number {
    const pair = frequency * maxLengths + stored;
    let code = this.#codes.get(pair);
    if (code === undefined) {
      code = this.#codes.size;
      this.#codes.set(pair, code);
    }
    return code;
  }
}

/** The index of documents given as (id, text). */
export function indexDocuments(documents: Iterable<readonly [id: string, text: string]>): SearchIndex {
  const builder = new IndexBuilder();
  for (const [id, text] of documents) builder.add(id, text);
  return builder.finish();
}

function writeBlocks({ postingCodes, blockCodes }: IndexArrays): void {
  for (let block = 0; block < blockCodes.length; block++) {
    const end = Math.min(postingCodes.length, (block + 1) * blockLength);
    let highest = 0;
    for (let place = block * blockLength; place < end; place++) highest = Math.max(highest, postingCodes[place] as number);
    blockCodes[block] = highest;
  }
}

/** Lengths of documents are below this: strings are. */
const maxLengths = 2 ** 30;

function* zipDrained(terms: GrowingUint32Array, codes: GrowingUint32Array): Generator<{ terms: Uint32Array; codes: Uint32Array }> {
  const others = codes.drain();
  for (const piece of terms.drain()) yield { terms: piece, codes: others.next().value as Uint32Array };
}

function* valuesOf(array: GrowingUint32Array): Generator<number, undefined> {
  for (const piece of array.drain()) yield* piece;
  return undefined;
}

function grown(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * array.length);
  larger.set(array);
  return larger;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
