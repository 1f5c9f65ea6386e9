import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { URL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAStarPOError } from '../../lib/errors.ts';
import { Tokenizer } from '../../lib/model/tokenizer.ts';
import type { JsonObject, JsonValue } from '../../lib/util/json.ts';

const styles = new URL('../golden/tokenizer/styles/', import.meta.url);
const text = readFileSync(new URL('llama3.json', styles), 'utf8');
const file = JSON.parse(text) as JsonObject & { model: JsonObject; added_tokens: JsonObject[] };

/** A tokenizer of three tokens. */
const tiny = (model: JsonObject = {}, others: JsonObject = {}): JsonObject => ({
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'], ...model },
  ...others,
});
const added = (id: number, content: string, flags: JsonObject = {}): JsonObject => ({
  ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: false },
  ...flags,
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isAStarPOError(error, 'ASTARPO_TOKENIZER')) return error.message;
    throw error;
  }
  return 'nothing was thrown';
}

describe('a tokenizer.json that cannot be used', () => {
  const cases: [string, JsonObject, RegExp][] = [
    ['without a model', {}, /expected model of tokenizer\.json to be an object, got nothing/],
    ['with an unknown model', tiny({ type: 'BPF' }), /model\.type .* to be one of BPE, Unigram, WordPiece, WordLevel, got "BPF"/],
    ['without a vocabulary', tiny({ vocab: null }), /model\.vocab .* to be an object, got nothing/],
    ['without merges', tiny({ merges: null }), /model\.merges .* to be a list, got nothing/],
    ['with an id that is no integer', tiny({ vocab: { a: 0, b: 1.5, ab: 2 } }), /model\.vocab\["b"\] .* an integer .*got 1\.5/],
    ['with a negative id', tiny({ vocab: { a: 0, b: -1, ab: 2 } }), /model\.vocab\["b"\] .*got -1/],
    [
      'with two tokens of one id',
      tiny({ vocab: { a: 0, b: 1, ab: 1 } }),
      /model\.vocab\["ab"\] .* an id of its own, not that of "b", got 1/,
    ],
    ['with a merge of three', tiny({ merges: ['a b c'] }), /model\.merges\[0\] .* two tokens, got "a b c"/],
    ['with a merge of unknown tokens', tiny({ merges: [['a', 'c']] }), /model\.merges\[0\] .* which has no "c", got \["a","c"\]/],
    ['with a merge into an unknown token', tiny({ merges: [['b', 'a']] }), /model\.merges\[0\] .* which has no "ba"/],
    [
      'with dropout',
      tiny({ dropout: 0.1 }),
      /model\.dropout .* to be null, got 0\.1\n {2}dropout of merges makes the ids of a text random/,
    ],
    ['with an unknown normalizer', tiny({}, { normalizer: { type: 'NFKF' } }), /normalizer\.type .* got "NFKF"\n.*did you mean NFK?C\?/],
    [
      'with an unknown normalizer inside',
      tiny({}, { normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Precompiled' }] } }),
      /normalizer\.normalizers\[1\]\.type .* got "Precompiled"/,
    ],
    [
      'with an unknown pre-tokenizer',
      tiny({}, { pre_tokenizer: { type: 'UnicodeScripts' } }),
      /pre_tokenizer\.type .* got "UnicodeScripts"/,
    ],
    ['with an unknown decoder', tiny({}, { decoder: { type: 'CTC' } }), /decoder\.type .* got "CTC"/],
    ['with an unknown post-processor', tiny({}, { post_processor: { type: 'Magic' } }), /post_processor\.type .* got "Magic"/],
    ['with a part that is a list', tiny({}, { normalizer: [] }), /normalizer .* an object or null, got \[\]/],
    [
      'with a pattern that has no translation',
      tiny({}, { pre_tokenizer: { type: 'Split', pattern: { Regex: '(a)\\1' }, behavior: 'Isolated', invert: false } }),
      /pre_tokenizer\.pattern\.Regex .* \(not \\1\), got "\(a\)\\\\1"\n {2}back references/,
    ],
    [
      'with an unknown behavior',
      tiny({}, { pre_tokenizer: { type: 'Split', pattern: { String: 'a' }, behavior: 'Isolate', invert: false } }),
      /pre_tokenizer\.behavior .* one of Removed, Isolated, .* got "Isolate"/,
    ],
    ['with added tokens that are no list', tiny({}, { added_tokens: {} }), /added_tokens .* a list, got \{\}/],
    ['with an added token that is no object', tiny({}, { added_tokens: ['x'] }), /added_tokens\[0\] .* an object, got "x"/],
    [
      'with an added token without flags',
      tiny({}, { added_tokens: [{ id: 3, content: 'x' }] }),
      /added_tokens\[0\]\.normalized .* got nothing/,
    ],
    [
      'with a hole before an added token',
      tiny({}, { added_tokens: [added(4, 'x')] }),
      /added_tokens\[0\]\.id .* to be 3, the next one .* for "x", got 4/,
    ],
    [
      'with another id of a known token',
      tiny({}, { added_tokens: [added(3, 'ab')] }),
      /added_tokens\[0\]\.id .* to be 2, as in the vocabulary/,
    ],
    [
      'with an added token on an id of the vocabulary',
      tiny({ vocab: { a: 0, b: 1, ab: 3 } }, { added_tokens: [added(3, 'x')] }),
      /added_tokens\[0\]\.id .* one of its own for "x", not that of "ab", got 3\n {2}model\.vocab leaves holes/,
    ],
  ];

  it.each(cases)('%s is refused by name', (_, json, message) => {
    expect(messageOf(() => Tokenizer.fromJson(json))).toMatch(message);
  });

  it('is refused with a coded error whatever else is in it', () => {
    const junk = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom<JsonValue[]>('BPE', 'Split', 0, 1, -1, [], {}, [[]], null));
    const paths = ['model', 'model.vocab', 'model.merges', 'model.unk_token', 'model.type', 'added_tokens', 'added_tokens.0', 'normalizer'];
    const more = [
      'pre_tokenizer',
      'pre_tokenizer.pretokenizers',
      'pre_tokenizer.pretokenizers.0',
      'decoder',
      'post_processor',
      'model.merges.0',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths, ...more), junk, (path, value) => {
        try {
          Tokenizer.fromJson(withValue(file, path.split('.'), value as JsonValue)).encode('a kettle <|eot_id|>');
        } catch (error) {
          expect(isAStarPOError(error, 'ASTARPO_TOKENIZER'), String(error)).toBe(true);
        }
      }),
      { numRuns: 120 },
    );
  });
});

function withValue(json: JsonValue, [key = '', ...rest]: readonly string[], value: JsonValue): JsonObject {
  const object = json as JsonObject;
  const inner = rest.length === 0 ? value : withValue(object[key] ?? {}, rest, value);
  return (Array.isArray(json)
    ? json.map((entry, i) => (String(i) === key ? inner : entry))
    : { ...object, [key]: inner }) as unknown as JsonObject;
}

describe('what a tokenizer.json may leave out', () => {
  it('takes an absent part for none', () => {
    const tokenizer = Tokenizer.fromJson(tiny());
    expect([...tokenizer.encode('abba')]).toEqual([2, 1, 0]);
    expect(tokenizer.decode([2, 1])).toBe('ab b');
    expect(tokenizer.vocabSize).toBe(3);
  });

  it('takes holes in the vocabulary; an id in one gives no text', () => {
    const tokenizer = Tokenizer.fromJson(tiny({ vocab: { a: 0, b: 7, ab: 2 } }));
    expect([...tokenizer.encode('bab')]).toEqual([7, 2]);
    expect(tokenizer.vocabSize).toBe(8);
    expect(tokenizer.decode([0, 5, 7, 99])).toBe('a b');
  });

  it('says which unknown token a text would need', () => {
    const tokenizer = Tokenizer.fromJson(tiny({ unk_token: '<unk>' }));
    expect([...tokenizer.encode('ab')]).toEqual([2]);
    expect(messageOf(() => tokenizer.encode('abc'))).toMatch(/expected the unknown token <unk> in the vocabulary/);
  });
});

describe('a tokenizer.json of another model', () => {
  const pieces = { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 };
  const json: JsonObject = {
    model: { ...pieces, vocab: { '[UNK]': 0, red: 1, '##s': 2, kettle: 3 } },
    pre_tokenizer: { type: 'Whitespace' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    added_tokens: [added(4, '[SEP]', { special: true })],
  };

  it('is read by the JavaScript library, and decoded here', () => {
    const tokenizer = Tokenizer.fromJson(json);
    expect([...tokenizer.encode('red kettles[SEP]blue')]).toEqual([1, 3, 2, 4, 0]);
    expect([...tokenizer.encodeText('red[SEP]')]).not.toContain(4);
    expect(tokenizer.decode([1, 3, 2, 4], { skipSpecialTokens: true })).toBe('red kettles');
    expect(tokenizer.vocabSize).toBe(5);
  });

  it('is refused when that library refuses it', () => {
    expect(messageOf(() => Tokenizer.fromJson({ ...json, normalizer: { type: 'Foo' } }))).toMatch(
      /@huggingface\/tokenizers reads, got one that it refuses/,
    );
  });
});

describe('Tokenizer.load', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'astarpo-tokenizer-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });
  const load = async (contents: string | Buffer | undefined, beside?: string) => {
    const own = await mkdtemp(join(folder, 'case-'));
    if (contents !== undefined) await writeFile(join(own, 'tokenizer.json'), contents);
    if (beside !== undefined) await writeFile(join(own, beside), '');
    return await Tokenizer.load(own);
  };

  it.each([
    ['no file', undefined, undefined, /expected .*tokenizer\.json, got no such file\n {2}a folder with vocab\.json and merges\.txt alone/],
    [
      'a SentencePiece model alone',
      undefined,
      'tokenizer.model',
      /got only tokenizer\.model, a SentencePiece model\n {2}transformers converts/,
    ],
    [
      'half a file',
      text.slice(0, 5000),
      undefined,
      /tokenizer\.json: expected JSON, got text that does not parse .*\n {2}fetch the file again/,
    ],
    ['a list', '[]', undefined, /tokenizer\.json: expected a JSON object/],
    ['a pointer of git-lfs', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', undefined, /it is a pointer of git-lfs/],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff]), undefined, /expected JSON/],
    ['another object', '{"model": {}}', undefined, /expected model\.type of .*case-.*tokenizer\.json to be a string, got nothing/],
  ])('%s: says what is wrong, and with which file', async (_, contents, beside, message) => {
    const error = await load(contents, beside).catch((thrown: unknown) => thrown);
    expect(isAStarPOError(error, 'ASTARPO_TOKENIZER')).toBe(true);
    expect((error as Error).message).toMatch(message);
  });

  it('keeps everything that came: the saved file is the loaded one, byte for byte', async () => {
    const odd = `  ${JSON.stringify({ ...file, ours: { x: [1.0, '\u00e9'] } }, null, 3)}\n\n`;
    const loaded = await load(odd);
    const saved = await mkdtemp(join(folder, 'saved-'));
    await loaded.save(saved);
    expect(await readFile(join(saved, 'tokenizer.json'), 'utf8')).toBe(odd);
    expect(loaded.json).toEqual(JSON.parse(odd));
    expect((await Tokenizer.load(saved)).hash).toBe(loaded.hash);
  });
});

describe('Tokenizer', () => {
  const tokenizer = Tokenizer.fromJson(file);
  const bos = tokenizer.tokenId('<|begin_of_text|>') ?? -1;

  it('adds the special tokens of the post-processor when asked to', () => {
    const ids = [...tokenizer.encode('a kettle')];
    expect([...tokenizer.encode('a kettle', { addSpecialTokens: true })]).toEqual([bos, ...ids]);
    expect([...tokenizer.encode('', { addSpecialTokens: true })]).toEqual([bos]);
    expect(tokenizer.decode([bos, ...ids], { skipSpecialTokens: true })).toBe('a kettle');
  });

  it('reads a lone surrogate as U+FFFD', () => {
    expect(tokenizer.encode('a\ud800b\udc00')).toEqual(tokenizer.encode('a\ufffdb\ufffd'));
    expect(tokenizer.decode(tokenizer.encode('\udc00\ud83d\ude42\ud83d'))).toBe('\ufffd🙂\ufffd');
  });

  it('encodes a part alike whatever was encoded before', () => {
    const others = fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 20 });
    fc.assert(
      fc.property(others, fc.string({ unit: 'binary', maxLength: 30 }), (before, wanted) => {
        for (const other of before) tokenizer.encode(other);
        expect(tokenizer.encode(wanted)).toEqual(Tokenizer.fromJson(file).encode(wanted));
      }),
      { numRuns: 20 },
    );
  });

  it('says so when a run of millions of characters is too long to be one piece', () => {
    const unsplit = Tokenizer.fromJson(
      tiny({}, { pre_tokenizer: { type: 'Split', pattern: { Regex: '\\p{M}+' }, behavior: 'Isolated', invert: false } }),
    );
    expect(messageOf(() => unsplit.encode('\u0301'.repeat(20_000_000)))).toMatch(
      /expected a text that can be split, got 20000000 characters/,
    );
  });
});
