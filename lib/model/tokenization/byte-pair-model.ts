import { AStarPOError } from '../../errors.ts';
import type { JsonValue } from '../../util/json.ts';
import { byteFallbackIds, mapToByteCharacters } from '../byte-level.ts';
import { MergeQueue } from './merge-queue.ts';
import { PairTable } from './pair-table.ts';
import type { TokenizerPart } from './tokenizer-part.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Pieces whose ids are remembered; then the memory starts anew. */
const cachedPieces = 50_000;
/** Longer pieces are not remembered, in UTF-16 code units: they hardly come again. */
const longestCachedPiece = 256;

/** Byte-pair encoding (Sennrich et al. 2016) of pieces of text, with the unknown characters of the tokenizers library. */
export class BytePairModel {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #merges: PairTable;
  /** Id of what a merge gives, by rank. */
  readonly #merged: Int32Array;
  readonly #settings: Settings;
  readonly #cache = new Map<string, readonly number[]>();

  private constructor(ids: ReadonlyMap<string, number>, merges: PairTable, merged: Int32Array, settings: Settings) {
    this.#ids = ids;
    this.#merges = merges;
    this.#merged = merged;
    this.#settings = settings;
  }

  /**
   * The `model` of a tokenizer.json, of type BPE.
   * @param bytes whether pieces are text whose bytes are tokens (ByteLevel); else their characters are
   */
  static read(model: TokenizerPart, vocabulary: Vocabulary, bytes: boolean): BytePairModel {
    const settings = readSettings(model, bytes);
    // Files that were made from a merges.txt may hold its first line.
    const list = model.list('merges').filter((entry) => typeof entry !== 'string' || !entry.startsWith('#version'));
    const merges = new PairTable(list.length);
    const merged = new Int32Array(list.length);
    for (let rank = 0; rank < list.length; rank++) {
      const [left, right] = readPair(model, rank, list[rank]);
      const leftId = vocabulary.ids.get(left);
      const rightId = vocabulary.ids.get(right);
      const id = vocabulary.ids.get(left + right.slice(settings.continuingPrefix.length));
      if (leftId === undefined || rightId === undefined || id === undefined) {
        const missing = leftId === undefined ? left : rightId === undefined ? right : left + right.slice(settings.continuingPrefix.length);
        throw model.bad(`merges[${rank}]`, `tokens of the vocabulary, which has no ${JSON.stringify(missing)}`, undefined, list[rank]);
      }
      merges.set(leftId, rightId, rank);
      merged[rank] = id;
    }
    return new BytePairModel(vocabulary.ids, merges, merged, settings);
  }

  /** Ids of a piece that is not empty. */
  encode(piece: string): readonly number[] {
    const known = this.#cache.get(piece);
    if (known !== undefined) return known;
    const ids = this.#encode(this.#settings.bytes ? mapToByteCharacters(piece) : piece);
    if (piece.length > longestCachedPiece) return ids;
    if (this.#cache.size >= cachedPieces) this.#cache.clear();
    this.#cache.set(ownCopy(piece), ids);
    return ids;
  }

  #encode(piece: string): readonly number[] {
    const whole = this.#settings.ignoreMerges ? this.#ids.get(piece) : undefined;
    return whole === undefined ? this.#merge(this.#symbols(piece)) : [whole];
  }

  /** The tokens of single characters, bytes or unknown characters before any merge. */
  #symbols(piece: string): number[] {
    const { byteFallback, continuingPrefix, endSuffix, fuseUnknown } = this.#settings;
    const symbols: number[] = [];
    // It comes after bytes that follow it: the library looks at it again only at the next known character.
    let unknown: number | undefined;
    let start = 0;
    for (const character of piece) {
      const end = start + character.length;
      const name = (start === 0 ? '' : continuingPrefix) + character + (end === piece.length ? endSuffix : '');
      start = end;
      const id = this.#ids.get(name);
      if (id !== undefined) {
        if (unknown !== undefined) symbols.push(unknown);
        unknown = undefined;
        symbols.push(id);
        continue;
      }
      const bytes = byteFallback ? byteFallbackIds(name, this.#ids) : undefined;
      if (bytes !== undefined) symbols.push(...bytes);
      else {
        if (unknown !== undefined && !fuseUnknown) symbols.push(unknown);
        unknown = this.#unknownId();
      }
    }
    if (unknown !== undefined) symbols.push(unknown);
    return symbols;
  }

  /** undefined where there is no unknown token: then the character is left out. */
  #unknownId(): number | undefined {
    const { unknownToken } = this.#settings;
    if (unknownToken === undefined) return undefined;
    const id = this.#ids.get(unknownToken);
    if (id !== undefined) return id;
    throw new AStarPOError('ASTARPO_TOKENIZER', `expected the unknown token ${unknownToken} in the vocabulary, got a text that needs it`, {
      hint: 'model.unk_token of tokenizer.json must be a key of model.vocab',
    });
  }

  /** Merges the pair of lowest rank first, among equals the leftmost, until none is left. */
  #merge(ids: number[]): number[] {
    const { length } = ids;
    if (length < 2) return ids;
    const merges = this.#merges;
    const merged = this.#merged;
    const next = Int32Array.from(ids, (_, i) => i + 1);
    const previous = Int32Array.from(ids, (_, i) => i - 1);
    const queue = new MergeQueue();
    const rankAt = (position: number): number => {
      const after = next[position] ?? length;
      return after < length ? merges.get(ids[position] ?? -1, ids[after] ?? -1) : -1;
    };
    const consider = (position: number) => {
      const rank = rankAt(position);
      if (rank >= 0) queue.push(rank, position);
    };
    for (let i = 0; i + 1 < length; i++) consider(i);
    while (!queue.empty) {
      const { rank, position } = queue.pop();
      if (ids[position] === -1) continue;
      // Other merges may have taken either side since.
      const current = rankAt(position);
      if (current < 0 || merged[current] !== merged[rank]) continue;
      const after = next[position] ?? length;
      const beyond = next[after] ?? length;
      ids[position] = merged[rank] ?? -1;
      ids[after] = -1;
      next[position] = beyond;
      if (beyond < length) previous[beyond] = position;
      const before = previous[position] ?? -1;
      if (before >= 0) consider(before);
      consider(position);
    }
    return ids.filter((id) => id !== -1);
  }
}

interface Settings {
  readonly bytes: boolean;
  readonly byteFallback: boolean;
  /** '' for none. */
  readonly continuingPrefix: string;
  /** '' for none. */
  readonly endSuffix: string;
  readonly fuseUnknown: boolean;
  readonly ignoreMerges: boolean;
  readonly unknownToken: string | undefined;
}

function readSettings(model: TokenizerPart, bytes: boolean): Settings {
  const dropout = model.value('dropout') ?? 0;
  if (dropout !== 0) {
    throw model.bad('dropout', 'null', 'dropout of merges makes the ids of a text random; set it to null for training and sampling');
  }
  return {
    bytes,
    byteFallback: model.boolean('byte_fallback', false),
    continuingPrefix: model.string('continuing_subword_prefix', ''),
    endSuffix: model.string('end_of_word_suffix', ''),
    fuseUnknown: model.boolean('fuse_unk', false),
    ignoreMerges: model.boolean('ignore_merges', false),
    unknownToken: model.value('unk_token') === undefined ? undefined : model.string('unk_token'),
  };
}

/** An entry of `merges`: a list of two tokens, or both in a string with a space between. */
function readPair(model: TokenizerPart, rank: number, entry: JsonValue | undefined): readonly [string, string] {
  if (typeof entry === 'string') {
    const space = entry.indexOf(' ');
    if (space >= 0 && !entry.includes(' ', space + 1)) return [entry.slice(0, space), entry.slice(space + 1)];
  } else if (Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && typeof entry[1] === 'string') {
    return [entry[0], entry[1]];
  }
  throw model.bad(`merges[${rank}]`, 'two tokens', undefined, entry);
}

/** A piece that does not keep the whole text in memory of which it is a part. */
function ownCopy(piece: string): string {
  // Shorter parts are copies already.
  return piece.length < 13 ? piece : Buffer.from(piece, 'utf16le').toString('utf16le');
}
