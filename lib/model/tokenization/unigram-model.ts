import { AStarPOError } from '../../errors.ts';
import { byteFallbackIds, mapToByteCharacters } from '../byte-level.ts';
import { TokenFinder } from './token-finder.ts';
import type { TokenizerPart } from './tokenizer-part.ts';
import type { Vocabulary } from './vocabulary.ts';

/** How much less an unknown character scores than the least likely token. */
const unknownPenalty = 10;

interface Settings {
  readonly bytes: boolean;
  readonly byteFallback: boolean;
  /** undefined: a text that needs it is refused. */
  readonly unknownId: number | undefined;
}

/** The most likely sequence of tokens of a piece (Kudo 2018, found as Viterbi does), as the tokenizers library finds it. */
export class UnigramModel {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #tokens = new TokenFinder();
  /** Log-probabilities by id. */
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  readonly #settings: Settings;

  private constructor(vocabulary: Vocabulary, scores: Float64Array, settings: Settings) {
    this.#ids = vocabulary.ids;
    this.#scores = scores;
    this.#unknownScore = scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - unknownPenalty;
    this.#settings = settings;
    for (const [token, id] of vocabulary.ids) this.#tokens.add(token, id);
  }

  /**
   * The `model` of a tokenizer.json, of type Unigram.
   * @param bytes whether pieces are text whose bytes are characters of tokens (ByteLevel)
   */
  static read(model: TokenizerPart, vocabulary: Vocabulary, bytes: boolean): UnigramModel {
    const entries = model.list('vocab');
    const scores = Float64Array.from(entries, (entry, i) => {
      const score = Array.isArray(entry) ? entry[1] : undefined;
      if (typeof score !== 'number') throw model.bad(`vocab[${i}]`, 'a token with its score', undefined, entry);
      return score;
    });
    const unknownId = model.value('unk_id') === undefined ? undefined : model.integer('unk_id');
    if (unknownId !== undefined && unknownId >= scores.length)
      throw model.bad('unk_id', `below ${scores.length}, the size of the vocabulary`);
    return new UnigramModel(vocabulary, scores, { bytes, byteFallback: model.boolean('byte_fallback', false), unknownId });
  }

  /** Ids of a piece that is not empty. */
  encode(piece: string): readonly number[] {
    const text = this.#settings.bytes ? mapToByteCharacters(piece) : piece;
    return this.#bestSplit(text).flatMap((token) => this.#idsOf(token));
  }

  /** Texts of the tokens; unknown characters beside each other are one. */
  #bestSplit(text: string): string[] {
    const { length } = text;
    // Of the best sequence that ends at each position: its score, where its last token starts, whether that is unknown.
    const scores = new Float64Array(length + 1);
    const starts = new Int32Array(length + 1).fill(-1);
    const unknown = new Uint8Array(length + 1);
    const consider = (start: number, end: number, score: number, isUnknown: boolean) => {
      const total = (scores[start] ?? 0) + score;
      if (starts[end] !== -1 && total <= (scores[end] ?? 0)) return;
      scores[end] = total;
      starts[end] = start;
      unknown[end] = isUnknown ? 1 : 0;
    };
    for (let start = 0; start < length; ) {
      const next = start + ((text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
      let known = false;
      this.#tokens.forEachAt(text, start, (id, end) => {
        known ||= end === next;
        consider(start, end, this.#scores[id] ?? 0, id === this.#settings.unknownId);
      });
      if (!known) consider(start, next, this.#unknownScore, true);
      start = next;
    }
    return readBack(text, starts, unknown);
  }

  #idsOf(token: string): readonly number[] {
    const { byteFallback, unknownId } = this.#settings;
    const known = this.#ids.get(token);
    if (known !== undefined) return [known];
    const bytes = byteFallback ? byteFallbackIds(token, this.#ids) : undefined;
    if (bytes !== undefined) return bytes;
    if (unknownId !== undefined) return [unknownId];
    throw new AStarPOError('ASTARPO_TOKENIZER', `expected tokens for every character, got ${JSON.stringify(token)}, which has none`, {
      hint: 'model.unk_id of tokenizer.json names the token for what is unknown',
    });
  }
}

function readBack(text: string, starts: Int32Array, unknown: Uint8Array): string[] {
  const tokens: string[] = [];
  for (let end = text.length; end > 0; ) {
    let start = starts[end] ?? 0;
    if (unknown[end] === 1) while (start > 0 && unknown[start] === 1) start = starts[start] ?? 0;
    tokens.push(text.slice(start, end));
    end = start;
  }
  return tokens.reverse();
}
