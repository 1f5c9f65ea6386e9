import { readFileSync } from 'node:fs';
import { URL } from 'node:url';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteLevelBpe } from '../../lib/model/byte-level-bpe.ts';
import { Tokenizer } from '../../lib/model/tokenizer.ts';
import { trainBytePairTokenizer } from '../../lib/model/train-tokenizer.ts';
import type { JsonObject } from '../../lib/util/json.ts';

const corpus = readFileSync(new URL('../golden/tokenizer/corpus.txt', import.meta.url), 'utf8').split('\n');
const trained = trainBytePairTokenizer(corpus, { vocabSize: 520 });
const level = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
const qwenSplit =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const withSplit = (pattern: string, normalizer: JsonObject | null): JsonObject => ({
  ...trained,
  normalizer,
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [{ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, level],
  },
});

/** Words of the corpus among anything that Unicode has. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(...corpus.flatMap((line) => line.split(' '))),
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(' ', '\n', "'S", "'ſ", '\ufeff', '\u0085'),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''));

describe('ByteLevelBpe', () => {
  it.each([
    ['a trained tokenizer', trained],
    ["Qwen2's own layout", withSplit(qwenSplit, { type: 'NFC' })],
    ['a pattern that leaves text out', withSplit('[a-z]+', null)],
  ])('gives the ids of the tokenizer library for %s', (_, json) => {
    const fast = ByteLevelBpe.from(json);
    const library = new HuggingFaceTokenizer(json, {}) as unknown as { encode(text: string, options: object): { ids: number[] } };
    expect(fast).toBeDefined();
    fc.assert(
      fc.property(text, (sample) => {
        expect(Array.from(fast?.encode(sample) ?? [])).toEqual(library.encode(sample, { add_special_tokens: false }).ids);
      }),
      { numRuns: 300 },
    );
  });

  it('merges a piece of 100,000 bytes without quadratic work', () => {
    const fast = ByteLevelBpe.from(trained);
    expect(fast?.encode('kettle'.repeat(16_667)).length).toBeLessThan(100_000);
  });

  it('leaves layouts that it does not know to the library', () => {
    const model = trained.model as JsonObject;
    const others: JsonObject[] = [
      { ...trained, normalizer: { type: 'Lowercase' } },
      { ...trained, pre_tokenizer: level },
      { ...trained, model: { ...model, ignore_merges: true } },
      { ...trained, model: { ...model, dropout: 0.1 } },
      { ...trained, model: { ...model, merges: [['a']] } },
      withSplit('(?>a)', null),
      withSplit('\\w+', null),
      withSplit('(', null),
    ];
    for (const json of others) expect(ByteLevelBpe.from(json)).toBeUndefined();
    const tokenizer = Tokenizer.fromJson({ ...trained, pre_tokenizer: level });
    expect(tokenizer.decode(tokenizer.encode('a red kettle'))).toBe('a red kettle');
  });
});
