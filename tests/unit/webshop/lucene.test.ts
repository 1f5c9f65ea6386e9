import { describe, expect, test } from 'vitest';
import { Lucene, missingForLucene } from '../../../bench/peers/lucene/lucene.ts';
import { indexDocuments } from '../../../lib/env/webshop/search/index-builder.ts';
import { SmallRng } from '../../../lib/util/small-rng.ts';

const missing = missingForLucene();
if (missing.length > 0)
  console.warn(`SKIPPED: the comparison with Lucene, because there is no ${missing.join(', no ')} (apt-get install liblucene8-java)`);

const plain =
  "shirt shirts running the of and a men’s women's cotton 100% 12 3.5oz 1,000 usb-c x-large size wi-fi gift generalization ponies".split(
    ' ',
  );
const odd = [
  ...[
    "don't",
    'l’oreal',
    'u.s.a.',
    'a:b',
    'a_b',
    '_foo_',
    '__',
    '4k@60hz',
    '16"',
    'at&t',
    '.5',
    '1.5x1.2m.if',
    "rock'n'roll",
    "'s",
    'xx’S',
  ],
  ...['日本語テスト', '联系我们', 'ひらがな', '한국어', 'ไทย', 'naïve', 'e\u0301clair', 'ﬁne', 'ß', 'İ', 'ʼn', 'Ⅷ', '½', '１２'],
  ...['★', '♡', '👩‍🚒', '🇫🇷🇩🇪', '#️⃣', '☝🏽', '®', '™', '©2020', '\u200b', '\u00ad', '\u2060', '\ufeff', '\u00a0', '\u2028'],
  ...['e-mail', 'foo/bar', 'C++', '#1', '$19.99', '50%', '…', '—', '“quoted”', '(pack)', 'a'.repeat(300), '0x1F', '1e5', '٣٤', 'שלום'],
];

function text(random: SmallRng, most: number): string {
  const words = Array.from({ length: random.integer(most + 1) }, () => random.pick(random.uniform() < 0.6 ? plain : odd));
  return words.join(random.uniform() < 0.1 ? '' : ' ');
}

describe.skipIf(missing.length > 0)('beside Lucene 8', () => {
  test('2,000 random documents are found alike: the same 50, in the same order, with the same scores', { timeout: 60_000 }, async () => {
    const random = new SmallRng(20);
    const documents = Array.from({ length: 2000 }, (_, i) => [`D${String(i).padStart(6, '0')}`, text(random, 60).toLowerCase()] as const);
    const index = indexDocuments(documents);
    const lucene = await Lucene.index(documents, '512m');
    try {
      for (let i = 0; i < 2000; i++) {
        const query = text(random, 12).toLowerCase();
        const own = index.search(query).map(({ document, score }) => ({ asin: documents[document]?.[0], score }));
        expect(own, JSON.stringify(query)).toEqual((await lucene.search(query)).hits);
      }
    } finally {
      await lucene.close();
    }
  });
});
