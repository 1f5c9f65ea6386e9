import { AStarPOError, isAStarPOError } from '../errors.ts';
import type { JsonObject } from '../util/json.ts';
import { byteCharacters } from './byte-level.ts';
import { MaxHeap } from './max-heap.ts';
import { createPreTokenizer, type PreTokenizer } from './tokenization/pre-tokenizers.ts';
import { TokenizerPart } from './tokenization/tokenizer-part.ts';

export interface TrainTokenizerOptions {
  /** Tokens in all: 256 bytes, merges and special tokens. Fewer come out when the texts have too few pairs to merge. */
  readonly vocabSize: number;
  /** Get the last ids, in this order. Default none. */
  readonly specialTokens?: readonly string[];
  /** Pairs seen less often are not merged. Default 2. */
  readonly minFrequency?: number;
  /**
   * Regular expression (Oniguruma, as in every tokenizer.json) of the pieces that merges never cross; what it leaves out between
   * two matches is a piece too. Default `qwenPattern`.
   */
  readonly pattern?: string;
}

/** How the Qwen2 tokenizers split text: contractions, words with one leading non-letter, single digits, punctuation, line ends, spaces. */
export const qwenPattern =
  "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/**
 * Learns a byte-level byte-pair encoding (Sennrich et al. 2016; bytes as in GPT-2) and returns the contents of a
 * `tokenizer.json`. Deterministic: the most frequent pair is merged first, among equals the one with the smallest ids.
 * Throws ASTARPO_OPTION.
 */
export function trainBytePairTokenizer(texts: Iterable<string>, options: TrainTokenizerOptions): JsonObject {
  const { vocabSize, specialTokens = [], minFrequency = 2, pattern = qwenPattern } = options;
  const room = vocabSize - 256 - specialTokens.length;
  if (!Number.isInteger(vocabSize) || room < 0) {
    throw new AStarPOError(
      'ASTARPO_OPTION',
      `expected vocabSize to be an integer of at least ${256 + specialTokens.length}, got ${vocabSize}`,
      {
        hint: `256 bytes and ${specialTokens.length} special tokens need an id each`,
      },
    );
  }
  if (new Set(specialTokens).size !== specialTokens.length || specialTokens.includes('')) {
    throw new AStarPOError('ASTARPO_OPTION', `expected distinct, non-empty special tokens, got ${JSON.stringify(specialTokens)}`);
  }
  const split = preTokenizer(pattern);
  const { tokens, merges } = learnMerges(countWords(texts, compile(split)), room, minFrequency);
  const learned = specialTokens.find((token) => tokens.includes(token));
  if (learned !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', `expected special tokens that are no tokens otherwise, got ${JSON.stringify(learned)}`, {
      hint: 'give the token a name that does not occur in the texts, such as <|end|>',
    });
  }
  return tokenizerJson(tokens, merges, specialTokens, split);
}

function compile(split: JsonObject): PreTokenizer {
  try {
    return createPreTokenizer(new TokenizerPart(split, 'pre_tokenizer'));
  } catch (cause) {
    if (!isAStarPOError(cause)) throw cause;
    throw new AStarPOError('ASTARPO_OPTION', `expected pattern to be a regular expression: ${cause.message}`, { cause });
  }
}

/** How often each piece occurs, in order of first occurrence. */
function countWords(texts: Iterable<string>, { split }: PreTokenizer): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of split({ texts: [text], atStart: true }).texts) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

interface Merge {
  readonly key: number;
  readonly count: number;
}

/** A pair as one number, exact for ids below 2²⁶. */
const pairKey = (left: number, right: number) => left * 2 ** 26 + right;
const leftOf = (key: number) => Math.floor(key / 2 ** 26);
const rightOf = (key: number) => key % 2 ** 26;

/** Mutable state of the merging: pieces as ids, how often each pair occurs, and in which pieces it may occur. */
interface PairTable {
  readonly words: number[][];
  readonly frequency: number[];
  readonly counts: Map<number, number>;
  readonly places: Map<number, Set<number>>;
}

function learnMerges(wordCounts: ReadonlyMap<string, number>, room: number, minFrequency: number) {
  const tokens = [...byteCharacters].sort((a, b) => (a < b ? -1 : 1));
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const table = countPairs(wordCounts, ids);
  const heap = new MaxHeap<Merge>((a, b) => (a.count === b.count ? a.key < b.key : a.count > b.count));
  for (const [key, count] of table.counts) heap.push({ key, count });

  const merges: [string, string][] = [];
  while (tokens.length < 256 + room) {
    const best = heap.pop();
    if (best === undefined) break;
    const count = table.counts.get(best.key) ?? 0;
    if (count !== best.count) {
      // Counted before other merges took some of its places.
      if (count > 0) heap.push({ key: best.key, count });
      continue;
    }
    if (count < Math.max(1, minFrequency)) break;
    const left = tokens[leftOf(best.key)] ?? '';
    const right = tokens[rightOf(best.key)] ?? '';
    const merged = left + right;
    const id = ids.get(merged) ?? tokens.length;
    if (id === tokens.length) {
      tokens.push(merged);
      ids.set(merged, id);
    }
    merges.push([left, right]);
    for (const key of mergePair(table, best.key, id)) heap.push({ key, count: table.counts.get(key) ?? 0 });
  }
  return { tokens, merges };
}

function countPairs(wordCounts: ReadonlyMap<string, number>, ids: ReadonlyMap<string, number>): PairTable {
  const table: PairTable = { words: [], frequency: [], counts: new Map(), places: new Map() };
  for (const [word, frequency] of wordCounts) {
    const bytes = Buffer.from(word, 'utf8');
    const place = table.words.length;
    const symbols: number[] = [];
    for (const byte of bytes) symbols.push(ids.get(byteCharacters[byte] ?? '') ?? 0);
    table.words.push(symbols);
    table.frequency.push(frequency);
    for (let i = 1; i < symbols.length; i++) addPair(table, pairKey(symbols[i - 1] ?? 0, symbols[i] ?? 0), frequency, place);
  }
  return table;
}

function addPair(table: PairTable, key: number, change: number, place: number): void {
  table.counts.set(key, (table.counts.get(key) ?? 0) + change);
  if (change < 0) return;
  const places = table.places.get(key);
  if (places === undefined) table.places.set(key, new Set([place]));
  else places.add(place);
}

/** Replaces a pair by `id` in every piece; returns the pairs that became more frequent. */
function mergePair(table: PairTable, key: number, id: number): Set<number> {
  const left = leftOf(key);
  const right = rightOf(key);
  const grown = new Set<number>();
  const places = table.places.get(key) ?? new Set();
  table.places.delete(key);
  for (const place of places) {
    const word = table.words[place] ?? [];
    const frequency = table.frequency[place] ?? 0;
    let length = 0;
    for (let i = 0; i < word.length; i++) {
      if (word[i] !== left || word[i + 1] !== right) {
        word[length++] = word[i] ?? 0;
        continue;
      }
      const before = length > 0 ? word[length - 1] : undefined;
      const after = word[i + 2];
      if (before !== undefined) {
        addPair(table, pairKey(before, left), -frequency, place);
        addPair(table, pairKey(before, id), frequency, place);
        grown.add(pairKey(before, id));
      }
      if (after !== undefined) {
        addPair(table, pairKey(right, after), -frequency, place);
        addPair(table, pairKey(id, after), frequency, place);
        grown.add(pairKey(id, after));
      }
      word[length++] = id;
      i++;
    }
    word.length = length;
  }
  table.counts.delete(key);
  return grown;
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };

function preTokenizer(pattern: string): JsonObject {
  return {
    type: 'Sequence',
    pretokenizers: [{ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, byteLevel],
  };
}

function tokenizerJson(
  tokens: readonly string[],
  merges: readonly [string, string][],
  specialTokens: readonly string[],
  split: JsonObject,
): JsonObject {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, i) => ({ id: tokens.length + i, content, ...plain })),
    // No normalizer: decode(encode(text)) is text, byte for byte.
    normalizer: null,
    pre_tokenizer: split,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
