import { readFileSync } from 'node:fs';
import type { JsonObject, JsonValue } from '../../../lib/util/json.ts';
import { deriveSeed, Rng } from '../../../lib/util/rng.ts';

/** A tokenizer.json of parts that nobody combined: the vocabulary of a recorded style with other parts around it. */
export function randomTokenizer(seed: number, index: number): JsonObject {
  const rng = new Rng(deriveSeed('tokenizer', seed, index));
  const bytes = rng.integer(2) === 0;
  const style = JSON.parse(
    readFileSync(new URL(`../../golden/tokenizer/styles/${rng.pick(bytes ? byteStyles : characterStyles)}.json`, import.meta.url), 'utf8'),
  ) as JsonObject;
  const model = randomModel(rng, style.model as JsonObject, bytes);
  const normalizer = maybe(rng, () => randomNormalizer(rng));
  return {
    ...style,
    added_tokens: randomAddedTokens(rng, idsOf(model), normalizer),
    normalizer,
    pre_tokenizer:
      normalizer === null && !bytes && rng.integer(2) === 0 ? metaspace(rng, 'first') : maybe(rng, () => randomPreTokenizer(rng, bytes)),
    post_processor: null,
    decoder: maybe(rng, () => randomDecoder(rng)),
    model,
  };
}

const byteStyles = ['qwen2', 'llama3', 'smollm2', 'tekken'];
const characterStyles = ['mistral', 'metaspace', 'gemma', 'unigram'];

const patterns = [
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  '[一-龥぀-ゟ゠-ヿ]+',
  '[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]+',
  '\\p{N}{1,3}',
  '[0-9][0-9][0-9]',
  '\\d{3}',
  '\\s+',
  '\\w+',
  '\\b\\w+\\b',
  '(?<=\\p{Ll})(?=\\p{Lu})',
  '(?<!\\s)\\p{P}',
  '[[:alpha:]]+|[[:digit:]]{2}',
  '^.+$',
  '$',
  '^',
  '\\p{^L}\\P{^Lu}',
  'x*',
  '(?>a+|an)|\\h{2}',
  '[^\\S\\n]+|(?m:..)',
  '(?i)the|[q-t]\\s',
  '\\p{Lu}|[\\p{Cn}\\p{Co}]+|\\u00e9|\\x{1F642}',
  '\\A\\s*|\\s*\\z|\\Z',
  '[a-z&&[^aeiou]]{2,3}?|[^[^0-9]]+',
];

const behaviors = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];

function maybe(rng: Rng, make: () => JsonObject): JsonObject | null {
  return rng.integer(5) === 0 ? null : make();
}

function several(rng: Rng, most: number, make: () => JsonObject): JsonObject[] {
  return Array.from({ length: 1 + rng.integer(most) }, make);
}

function oneOf(rng: Rng, makers: readonly (() => JsonObject)[]): JsonObject {
  return rng.pick(makers)();
}

function pattern(rng: Rng): JsonObject {
  return rng.integer(3) === 0 ? { String: rng.pick([' ', '▁', '.', 'the', '\n', '  ', '🙂']) } : { Regex: rng.pick(patterns) };
}

function randomNormalizer(rng: Rng): JsonObject {
  return oneOf(rng, [
    ...['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase'].map((type) => () => ({ type })),
    () => ({ type: 'Prepend', prepend: rng.pick(['▁', ' ', 'x']) }),
    () => ({ type: 'Replace', pattern: pattern(rng), content: rng.pick(['▁', ' ', '', 'ab']) }),
    () => ({ type: 'Strip', strip_left: rng.integer(2) === 0, strip_right: rng.integer(2) === 0 }),
    () => ({ type: 'Sequence', normalizers: several(rng, 3, () => randomNormalizer(rng)) }),
  ]);
}

function randomPreTokenizer(rng: Rng, bytes: boolean): JsonObject {
  const byteLevel = () => ({
    type: 'ByteLevel',
    add_prefix_space: rng.integer(4) === 0,
    trim_offsets: true,
    use_regex: rng.integer(2) === 0,
  });
  if (bytes && rng.integer(4) > 0) {
    return { type: 'Sequence', pretokenizers: [...several(rng, 2, () => randomPreTokenizer(rng, false)), byteLevel()] };
  }
  return oneOf(rng, [
    ...['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit'].map((type) => () => ({ type })),
    byteLevel,
    () => ({ type: 'CharDelimiterSplit', delimiter: rng.pick(['e', ' ', '▁']) }),
    () => ({ type: 'Digits', individual_digits: rng.integer(2) === 0 }),
    () => ({ type: 'FixedLength', length: 1 + rng.integer(5) }),
    () => metaspace(rng, rng.pick(['always', 'never'])),
    () => ({ type: 'Punctuation', behavior: rng.pick(behaviors) }),
    () => ({ type: 'Split', pattern: pattern(rng), behavior: rng.pick(behaviors), invert: rng.integer(3) === 0 }),
    () => ({ type: 'Split', pattern: pattern(rng), behavior: 'Isolated', invert: false }),
    () => ({ type: 'Sequence', pretokenizers: several(rng, 3, () => randomPreTokenizer(rng, bytes)) }),
  ]);
}

function metaspace(rng: Rng, scheme: string): JsonObject {
  return { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: rng.integer(2) === 0 };
}

function randomDecoder(rng: Rng): JsonObject {
  return oneOf(rng, [
    ...['ByteFallback', 'Fuse'].map((type) => () => ({ type })),
    () => ({ type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }),
    () => ({ type: 'BPEDecoder', suffix: rng.pick(['</w>', 'e']) }),
    () => metaspace(rng, rng.pick(['always', 'never', 'first'])),
    () => ({ type: 'Replace', pattern: pattern(rng), content: rng.pick([' ', '', 'the', '▁▁']) }),
    // The Rust library panics where `stop` meets a shorter token, which is then not compared.
    () => ({ type: 'Strip', content: rng.pick([' ', '▁', 'e']), start: rng.integer(4), stop: rng.integer(3) }),
    () => ({ type: 'Strip', content: rng.pick([' ', '▁', 'e']), start: rng.integer(4), stop: 0 }),
    () => ({ type: 'WordPiece', prefix: rng.pick(['##', 'e', 'Ġ']), cleanup: rng.integer(2) === 0 }),
    () => ({ type: 'Sequence', decoders: several(rng, 4, () => randomDecoder(rng)) }),
    () => ({ type: 'Sequence', decoders: several(rng, 4, () => randomDecoder(rng)) }),
  ]);
}

function randomModel(rng: Rng, model: JsonObject, bytes: boolean): JsonObject {
  const flip = () => rng.integer(2) === 0;
  if (model.type === 'Unigram') return { ...model, byte_fallback: flip(), unk_id: rng.integer(5) };
  const suffix = rng.integer(6) === 0 ? rng.pick(['e', 's', '</w>']) : null;
  return {
    ...model,
    unk_token: rng.pick([null, bytes ? 'Ġ' : '<unk>', 'a']),
    fuse_unk: flip(),
    byte_fallback: flip(),
    ignore_merges: flip(),
    end_of_word_suffix: suffix,
  };
}

function idsOf({ vocab }: JsonObject): ReadonlyMap<string, number> {
  const entries = Array.isArray(vocab) ? vocab.map((entry: JsonValue, id) => [(entry as JsonValue[])[0], id]) : Object.entries(vocab ?? {});
  return new Map(entries as [string, number][]);
}

function randomAddedTokens(rng: Rng, vocabulary: ReadonlyMap<string, number>, normalizer: JsonObject | null): JsonValue[] {
  const tokens = [...vocabulary.keys()];
  const flip = () => rng.integer(2) === 0;
  const fresh = ['<|a|>', '<|b|>', '<|', '|>', 'wor', 'The', ' the', '  ', '\n', 'É', 'e\u0301', '日本', '🙂', '<0x41>x', '▁▁x', 'ǅ', '.'];
  const contents = rng.shuffle([...fresh, ...Array.from({ length: 4 }, () => rng.pick(tokens))]).slice(0, 1 + rng.integer(12));
  let next = tokens.length;
  return [...new Set(contents)].map((content) => {
    const id = vocabulary.get(content) ?? next++;
    // The Rust library has no rule for names that are alike, or empty, when they are normalised.
    const normalized = flip() && !/Replace|Strip|Lower|NF/.test(JSON.stringify(normalizer));
    return { id, content, single_word: flip(), lstrip: flip(), rstrip: flip(), normalized, special: flip() };
  });
}
