import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { tokenSetRatio } from '../../../lib/env/webshop/reward/token-set-ratio.ts';
import { SmallRng } from '../../../lib/util/small-rng.ts';

// Without the module Levenshtein, as WebShop installs it, thefuzz falls back to difflib.
const program = `
import json, sys
sys.modules['Levenshtein'] = None
from thefuzz import fuzz
print(json.dumps([fuzz.token_set_ratio(a, b) for a, b in json.load(sys.stdin)]))
`;

/** Debian's Python, where its package puts thefuzz; undefined without it. */
function scoresOf(pairs: readonly (readonly [string, string])[]): number[] | undefined {
  const { status, stdout } = spawnSync('/usr/bin/python3', ['-W', 'ignore', '-c', program], {
    input: JSON.stringify(pairs),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return status === 0 ? JSON.parse(stdout) : undefined;
}

const present = scoresOf([['a', 'a']])?.[0] === 100;
if (!present) console.warn('SKIPPED: the comparison with thefuzz, because /usr/bin/python3 has none (apt-get install python3-thefuzz)');

const words =
  'machine washable machine wash long sleeve sleeves cotton 100% x-large xx-large 7.5 8 essential oil oils tea tree slip ons non-slip'.split(
    ' ',
  );
const odd = [
  '',
  ' ',
  'é',
  'ß',
  'naïve',
  '日本',
  '👍',
  'a_b',
  "men's",
  '½',
  '\u00a0',
  'ＡＢ',
  '16" x 16"',
  '(pack of 2)',
  'İ',
  '٣',
  'e\u0301',
  '--',
  'wide'.repeat(60),
];

function text(random: SmallRng): string {
  const kind = random.uniform();
  if (kind < 0.15) return Array.from({ length: random.integer(30) }, () => random.pick([...'abc '])).join('');
  if (kind < 0.2) return Array.from({ length: 200 + random.integer(80) }, () => random.pick([...'ab '])).join('');
  return Array.from({ length: random.integer(7) }, () => random.pick(random.uniform() < 0.75 ? words : odd)).join(
    random.uniform() < 0.1 ? '' : ' ',
  );
}

/** Related texts score between the extremes. */
function changed(random: SmallRng, other: string): string {
  if (random.uniform() < 0.4) return text(random);
  const pieces = other.split(' ');
  pieces.splice(random.integer(pieces.length + 1), random.integer(2), text(random));
  return random.uniform() < 0.5 ? pieces.reverse().join(' ') : pieces.join(' ');
}

describe.skipIf(!present)('beside thefuzz 0.19', () => {
  test('20,000 pairs have the same token set ratio', { timeout: 120_000 }, () => {
    const random = new SmallRng(7);
    const pairs = Array.from({ length: 20_000 }, (): [string, string] => {
      const a = text(random);
      return [a, changed(random, a)];
    });
    const scores = scoresOf(pairs) ?? [];
    const different = pairs.flatMap(([a, b], i) =>
      tokenSetRatio(a, b) === scores[i] ? [] : [{ a, b, own: tokenSetRatio(a, b), thefuzz: scores[i] }],
    );
    expect(different.slice(0, 3)).toEqual([]);
    expect(new Set(scores).size).toBeGreaterThan(60);
  });
});
