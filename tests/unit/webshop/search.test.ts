import { expect, test } from 'vitest';
import { analyze, tokenize } from '../../../lib/env/webshop/search/analyzer.ts';
import { storedLength } from '../../../lib/env/webshop/search/bm25.ts';
import { indexDocuments } from '../../../lib/env/webshop/search/index-builder.ts';

// Terms as Lucene's EnglishAnalyzer gives them.
test.each([
  ["machine wash men's t-shirts with long sleeve", 'machin wash men t shirt long sleev'],
  ["don't can’t l’oreal men's", "don't can’t l’oreal men"],
  ['12,000 mah 3.5oz a:b a.b a_b x-large', '12,000 mah 3.5oz a:b a.b a_b x larg'],
  ['material:solid wood', 'material:solid wood'],
  ['the and of', ''],
  [
    'running shoes ponies generalization relational conditional agreed feed plastered hopping sky',
    'run shoe poni gener relat condit agre feed plaster hop sky',
  ],
  ['★best 2-in-1 100% cotton', '★ best 2 1 100 cotton'],
  ['wi-fi usb-c 4k@60hz', 'wi fi usb c 4k 60hz'],
  ['16" x 16"', '16 x 16'],
  ['1⁄2 日本語テスト 联系我们', '1⁄2 日 本 語 テスト 联 系 我 们'],
  ["o'neill's rock'n'roll", "o'neil rock'n'rol"],
  ['u.s.a. t-shirt', 'u.s.a t shirt'],
  ['a:b:c 1:2 a:1', 'a:b:c 1 2 1'],
  ['1.5x1.2m.if', '1.5x1.2m.if'],
  ['$19.99/ea 50% 10"', '19.99 ea 50 10'],
  ['at&t r&b', 't r b'],
  ['_foo_ __ 1_2', '_foo_ 1_2'],
  ['.5 -5 100.', '5 5 100'],
])('analyses %s', (text, terms) => {
  expect(analyze(text).join(' ')).toBe(terms);
});

test('makes one token of an emoji sequence, a flag and a keycap', () => {
  expect(tokenize('x👩‍🚒🇫🇷🇩🇪#️⃣☝🏽 y')).toEqual(['x', '👩‍🚒', '🇫🇷', '🇩🇪', '#️⃣', '☝🏽', 'y']);
});

test('joins words by connectors, but makes no token of these alone, however many', () => {
  expect(tokenize('__a_b_1__ _ a_カ a__ カa ___')).toEqual(['__a_b_1__', 'a_カ', 'a__', 'カ', 'a']);
  expect(tokenize(`${'_'.repeat(1_000_000)} a`)).toEqual(['a']);
});

test('takes megabytes without a blank', () => {
  expect(tokenize('x'.repeat(10_000_000))).toHaveLength(39_216);
  expect(tokenize('😀\u200d'.repeat(100_000))).toHaveLength(1177);
});

test('cuts very long tokens', () => {
  expect(tokenize('a'.repeat(600)).map((token) => token.length)).toEqual([255, 255, 90]);
});

test('stores lengths in one byte', () => {
  const steps = [38, 39, 40, 42, 44, 46, 48, 50, 52, 54, 56, 60, 64, 68, 72, 76, 80, 84, 88, 96, 104, 112, 120, 128, 136, 144, 152, 168];
  expect([...new Set(Array.from({ length: 169 }, (_, i) => storedLength(i)))].slice(38)).toEqual(steps);
});

test('ranks by BM25, repeats in a query count, ties go by id', () => {
  const index = indexDocuments([
    ['c', 'red shoe'],
    ['b', 'red shoe'],
    ['a', 'red red shoe'],
    ['d', ''],
  ]);
  expect(index.search('shoes').map((hit) => hit.document)).toEqual([1, 0, 2]);
  expect(index.search('red').map((hit) => hit.document)).toEqual([2, 1, 0]);
  const [once] = index.search('red');
  const [twice] = index.search('red red');
  expect(twice?.score).toBeCloseTo(2 * (once?.score ?? 0), 6);
  // 3 documents have text, of 7 terms: idf ln(1 + 0.5 / 3.5), norm 0.9 (0.6 + 0.4 · 3 / (7 / 3)), frequency 2.
  const expected = Math.log(1 + 0.5 / 3.5) * (1 - 1 / (1 + 2 / (0.9 * (0.6 + (0.4 * 9) / 7))));
  expect(once?.score).toBeCloseTo(expected, 6);
  expect(index.search('nothing the of')).toEqual([]);
});
