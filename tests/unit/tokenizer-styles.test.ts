import { readdirSync, readFileSync } from 'node:fs';
import { URL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../lib/model/tokenizer.ts';
import { hostileStrings } from '../fixtures/hostile-strings.ts';
import { hashIds, hashText, randomIds, type TokenizerGolden, unpackHashes } from '../fixtures/tokenizer-golden.ts';
import { randomTokenizer } from '../oracle/tokenizer/random-tokenizer.ts';

const folder = new URL('../golden/tokenizer/', import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, folder), 'utf8'));
const names = readdirSync(new URL('styles/', folder)).map((file) => file.replace('.json', ''));
/** Where every text comes back as the normalizer made it: no token takes white space, no decoder strips any. */
const lossless = ['qwen2', 'llama3', 'smollm2', 'tekken'];

/** The first input whose hash is not the recorded one; `npm run test:tokenizer` shows the expected ids. */
function firstDifferent<T>(inputs: readonly T[], hashOf: (input: T) => number, expected: string): T | undefined {
  const hashes = unpackHashes(expected);
  expect(hashes.length).toBe(inputs.length);
  return inputs.find((input, i) => hashOf(input) !== hashes[i]);
}

describe.each(names)('a tokenizer like that of %s', (name) => {
  const golden = read(`rust/${name}.json`) as TokenizerGolden;
  const tokenizer = Tokenizer.fromJson(read(`styles/${name}.json`));
  const texts = hostileStrings(golden.seed, golden.count, golden.addedTokens);
  const lists = randomIds(golden.seed, golden.count / 5, tokenizer.vocabSize);

  it(`gives the ids of the Rust library for ${golden.count} hostile texts`, () => {
    expect(firstDifferent(texts, (text) => hashIds(tokenizer.encode(text)), golden.ids)).toBeUndefined();
  });

  it('gives its ids with special tokens as text', () => {
    expect(firstDifferent(texts, (text) => hashIds(tokenizer.encodeText(text)), golden.asText)).toBeUndefined();
  });

  if (lossless.includes(name)) {
    it('decodes ids of a text to what the normalizer makes of it', () => {
      const roundTrip = (text: string) => hashText(tokenizer.decode(tokenizer.encodeText(text)));
      expect(firstDifferent(texts, roundTrip, golden.normalized)).toBeUndefined();
    });
  }

  it('gives its texts for random ids', () => {
    expect(firstDifferent(lists, (ids) => hashText(tokenizer.decode(ids)), golden.decoded)).toBeUndefined();
    const withoutSpecial = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: true });
    expect(firstDifferent(lists, (ids) => hashText(withoutSpecial(ids)), golden.withoutSpecial)).toBeUndefined();
  });
});

describe('tokenizers of parts that nobody combined', () => {
  // null where the Rust library panics.
  const goldens = read('rust/random.json') as (TokenizerGolden | null)[];

  it.each(goldens.flatMap((golden, i) => (golden === null ? [] : [[i, golden] as const])))(
    'number %i gives ids and texts of the Rust library',
    (i, golden) => {
      const tokenizer = Tokenizer.fromJson(randomTokenizer(golden.seed, i));
      const texts = hostileStrings(golden.seed, golden.count, golden.addedTokens);
      expect(firstDifferent(texts, (text) => hashIds(tokenizer.encode(text)), golden.ids)).toBeUndefined();
      expect(firstDifferent(texts, (text) => hashIds(tokenizer.encodeText(text)), golden.asText)).toBeUndefined();
      const lists = randomIds(golden.seed, golden.count / 5, tokenizer.vocabSize);
      expect(firstDifferent(lists, (ids) => hashText(tokenizer.decode(ids)), golden.decoded)).toBeUndefined();
    },
  );
});
