import { describe, expect, test } from 'vitest';
import { inverseNorm, storedLength, termPart, termScore, termWeight } from '../../../lib/env/webshop/search/bm25.ts';
import { indexDocuments } from '../../../lib/env/webshop/search/index-builder.ts';
import type { Hit } from '../../../lib/env/webshop/search/top-hits.ts';
import { SmallRng } from '../../../lib/util/small-rng.ts';

const documents = 40_000;
const words = Array.from({ length: 3000 }, (_, i) => `w${i.toString(36)}x`);

/** Few words are in most documents, many in some: as in a catalogue, so that a search may leave most postings out. */
function word(random: SmallRng): string {
  return words[Math.floor(words.length * random.uniform() ** 4)] as string;
}

const texts = Array.from({ length: documents }, (_, i) => {
  const random = new SmallRng(1, i, 1);
  return Array.from({ length: random.integer(14) }, () => word(random)).join(' ');
});
/** Ids in another order than numbers, so that ties tell the two apart. */
const ids = texts.map((_, i) => `B${((i * 7919) % documents).toString().padStart(9, '0')}`);
const index = indexDocuments(texts.map((text, i) => [ids[i] as string, text] as const));

const counts = texts.map((text) => {
  const tally = new Map<string, number>();
  for (const one of text.split(' ').filter((one) => one !== '')) tally.set(one, (tally.get(one) ?? 0) + 1);
  return tally;
});
const lengths = counts.map((tally) => [...tally.values()].reduce((sum, count) => sum + count, 0));
const withText = lengths.filter((length) => length > 0).length;
const average = Math.fround(lengths.reduce((sum, length) => sum + length, 0) / withText);
const frequencies = new Map<string, number>();
for (const tally of counts) for (const one of tally.keys()) frequencies.set(one, (frequencies.get(one) ?? 0) + 1);

/** Every document, one after the other. */
function exhaustive(query: string, limit: number): Hit[] {
  const wanted = new Map<string, number>();
  for (const one of query.split(' ')) wanted.set(one, (wanted.get(one) ?? 0) + 1);
  const hits = counts.flatMap((tally, document): Hit[] => {
    let sum = 0;
    for (const [one, repeats] of wanted) {
      const frequency = tally.get(one);
      if (frequency === undefined) continue;
      const weight = termWeight(repeats, frequencies.get(one) ?? 0, withText);
      sum += termScore(weight, termPart(frequency, inverseNorm(storedLength(lengths[document] ?? 0), average)));
    }
    return sum > 0 ? [{ document, score: Math.fround(sum) }] : [];
  });
  const before = (a: Hit, b: Hit) => b.score - a.score || ((ids[a.document] ?? '') < (ids[b.document] ?? '') ? -1 : 1);
  return hits.sort(before).slice(0, limit);
}

describe('a search that leaves postings out', () => {
  test.each([1, 10, 50, 1000])('finds the same best %i as one that scores every document', (limit) => {
    for (let i = 0; i < 20; i++) {
      const random = new SmallRng(2, i, limit);
      const query = Array.from({ length: 1 + random.integer(16) }, () => word(random)).join(' ');
      expect(index.search(query, limit)).toEqual(exhaustive(query, limit));
    }
  });

  test('finds all where there are few, and nothing where nothing is asked', () => {
    expect(index.search(words.slice(-3).join(' '), documents)).toEqual(exhaustive(words.slice(-3).join(' '), documents));
    expect(index.search(words[0] as string, 0)).toEqual([]);
    expect(index.search('', 50)).toEqual([]);
    expect(index.search('unheardof', 50)).toEqual([]);
  });
});
