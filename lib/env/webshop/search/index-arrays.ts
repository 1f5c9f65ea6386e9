import { AStarPOError } from '../../../errors.ts';

/** How many of everything an index has; all that is not in its arrays. */
export interface IndexCounts {
  readonly documents: number;
  /** Documents with at least one term: N of BM25. */
  readonly documentsWithText: number;
  readonly terms: number;
  /** UTF-16 code units of all terms. */
  readonly characters: number;
  /** (term, document) pairs. */
  readonly postings: number;
  /** Different (frequency, stored length) pairs among the postings. */
  readonly codes: number;
  /** Mean number of terms of a document with text, in float32. */
  readonly averageLength: number;
}

/** The arrays of an index: views of one shared buffer, which worker threads read without a copy. */
export interface IndexArrays {
  readonly characters: Uint16Array;
  /** [terms + 1] into `characters`. */
  readonly termStarts: Uint32Array;
  /** [terms + 1] into `postingDocuments` and `postingCodes`. */
  readonly postingStarts: Uint32Array;
  /** [postings]: document numbers, ascending within a term. */
  readonly postingDocuments: Uint32Array;
  /** [postings]: what the term's score depends on besides its weight, as a number of a (frequency, stored length) pair. */
  readonly postingCodes: Uint16Array | Uint32Array;
  /** [blocks]: the highest code among each `blockLength` postings. */
  readonly blockCodes: Uint16Array | Uint32Array;
  /** [codes]: frequencies of the pairs. Pairs are numbered by what they make of a term's score, so that a higher code never scores less. */
  readonly codeFrequencies: Uint32Array;
  /** [codes] */
  readonly codeLengths: Uint32Array;
  /** [documents]: place of the document's id among all ids in string order; breaks ties. */
  readonly ranks: Uint32Array;
}

/** Postings that share an entry of `blockCodes`; blocks begin where the postings do, not where a term's do. */
export const blockLength = 128;

const mostPostings = 2 ** 32 - 1;

/** Bytes that the arrays of such an index take. */
export function bytesOf(counts: IndexCounts): number {
  return layout(counts).end;
}

/** The arrays in a shared buffer of `bytesOf(counts)` bytes. */
export function viewArrays(buffer: SharedArrayBuffer, counts: IndexCounts): IndexArrays {
  const { at } = layout(counts);
  const words = (name: Section, length: number) => new Uint32Array(buffer, at[name], length);
  const halves = (name: Section, length: number) => new Uint16Array(buffer, at[name], length);
  const codes = wideCodes(counts) ? words : halves;
  return {
    postingDocuments: words('postingDocuments', counts.postings),
    postingStarts: words('postingStarts', counts.terms + 1),
    termStarts: words('termStarts', counts.terms + 1),
    ranks: words('ranks', counts.documents),
    codeFrequencies: words('codeFrequencies', counts.codes),
    codeLengths: words('codeLengths', counts.codes),
    postingCodes: codes('postingCodes', counts.postings),
    blockCodes: codes('blockCodes', blocksOf(counts)),
    characters: halves('characters', counts.characters),
  };
}

type Section = keyof IndexArrays;

/** Two bytes are enough for the codes of any usual catalogue. */
function wideCodes(counts: IndexCounts): boolean {
  return counts.codes > 2 ** 16;
}

function blocksOf(counts: IndexCounts): number {
  return Math.ceil(counts.postings / blockLength);
}

/** Where each array begins; four-byte arrays first, so that all are aligned. */
function layout(counts: IndexCounts): { at: Record<Section, number>; end: number } {
  if (counts.postings > mostPostings) {
    throw new AStarPOError('ASTARPO_DATA', `expected a catalogue of at most ${mostPostings} postings, got ${counts.postings}`, {
      hint: 'keep fewer products',
    });
  }
  let end = 0;
  const take = (bytes: number): number => {
    const begin = end;
    end += bytes;
    return begin;
  };
  const codeBytes = wideCodes(counts) ? 4 : 2;
  const at = {
    postingDocuments: take(4 * counts.postings),
    postingStarts: take(4 * (counts.terms + 1)),
    termStarts: take(4 * (counts.terms + 1)),
    ranks: take(4 * counts.documents),
    codeFrequencies: take(4 * counts.codes),
    codeLengths: take(4 * counts.codes),
    postingCodes: take(codeBytes * counts.postings),
    blockCodes: take(codeBytes * blocksOf(counts)),
    characters: take(2 * counts.characters),
  };
  return { at, end };
}
