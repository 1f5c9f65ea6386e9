import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { pythonFloat, pythonString, pythonStrip } from '../../../lib/env/webshop/python/python-text.ts';
import { colors } from '../../../lib/env/webshop/reward/normalize.ts';
import { scorePurchase } from '../../../lib/env/webshop/reward/reward.ts';
import { SmallRng } from '../../../lib/util/small-rng.ts';

// Live comparisons with Python, and with the original's score written down in Python.

function python(args: readonly string[], input?: unknown): string | undefined {
  const { status, stdout } = spawnSync('/usr/bin/python3', ['-W', 'ignore', ...args], {
    input: JSON.stringify(input ?? null),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return status === 0 ? stdout : undefined;
}

const hasPython = python(['-c', '']) !== undefined;
const hasFuzz = python(['-c', 'import thefuzz']) !== undefined;
if (!hasPython) console.warn('SKIPPED: comparisons with Python, because there is no /usr/bin/python3 (apt-get install python3)');
else if (!hasFuzz) console.warn('SKIPPED: comparison of scores, because /usr/bin/python3 has no thefuzz (apt-get install python3-thefuzz)');

/** Of each character that this Python knows, as digits: printable 1, of a word 2, white space 4; then lower cases that differ. */
const characters = `
import json, re, unicodedata
flags, lower = [], {}
for code in range(0x110000):
    c = chr(code)
    known = unicodedata.category(c) != 'Cn'
    flags.append(str((1 if c.isprintable() else 0) + (2 if re.match(r'\\w', c) else 0) + (4 if not c.strip() else 0)) if known else '-')
    if c.lower() != c: lower[code] = c.lower()
print(json.dumps([''.join(flags), lower]))
`;

describe.skipIf(!hasPython)('beside Python', () => {
  test('every character prints, strips, makes words and has a lower case as there', () => {
    const [flags, lower] = JSON.parse(python(['-c', characters]) ?? '') as [string, Record<number, string>];
    const different: string[] = [];
    let known = 0;
    for (let code = 0; code < 0x110000; code++) {
      const character = String.fromCodePoint(code);
      // Each side knows the characters of its own version of Unicode.
      if (flags[code] === '-' || /\p{Cn}/u.test(character)) continue;
      known++;
      const printable = "'\\".includes(character) || pythonString(character) === `'${character}'`;
      const own = (printable ? 1 : 0) + (/[\p{L}\p{N}_]/u.test(character) ? 2 : 0) + (pythonStrip(character) === '' ? 4 : 0);
      if (String(own) !== flags[code] || character.toLowerCase() !== (lower[code] ?? character)) different.push(code.toString(16));
    }
    expect(different).toEqual([]);
    expect(known).toBeGreaterThan(250_000);
  });

  test('numbers and hostile texts read as there', () => {
    const random = new SmallRng(11);
    const numbers = Array.from({ length: 20_000 }, (_, i) =>
      i % 2 === 0 ? Math.round(random.uniform() * 1e6) / 100 : 10 ** (random.uniform() * 19 - 4),
    );
    const texts = Array.from({ length: 5000 }, () => hostile(random));
    const program = 'import json, sys; n, t = json.load(sys.stdin); print(json.dumps([[repr(float(x)) for x in n], [repr(x) for x in t]]))';
    const [theirNumbers, theirTexts] = JSON.parse(python(['-c', program], [numbers, texts]) ?? '') as [string[], string[]];
    expect(numbers.map(pythonFloat)).toEqual(theirNumbers);
    expect(texts.map(pythonString)).toEqual(theirTexts);
  });
});

describe.skipIf(!hasFuzz)('beside the original’s score', () => {
  test('2,000 hostile purchases have the same score in all parts', { timeout: 60_000 }, () => {
    const random = new SmallRng(5);
    const purchases = Array.from({ length: 2000 }, () => purchase(random));
    const oracle = fileURLToPath(new URL('../../fixtures/webshop-scores.py', import.meta.url));
    const recorded = JSON.parse(python([oracle], { colors, purchases }) ?? '[]') as unknown[][];
    const different = purchases.flatMap((one, i) => {
      const own = partsOf(one);
      return JSON.stringify(own) === JSON.stringify(recorded[i]) ? [] : [{ one, own, recorded: recorded[i] }];
    });
    expect(different.slice(0, 2)).toEqual([]);
    expect(recorded).toHaveLength(2000);
    for (const part of [1, 2, 3]) expect(new Set(recorded.map((parts) => parts[part])).size).toBeGreaterThanOrEqual(4);
  });
});

interface Purchase {
  readonly bought: ReturnType<typeof product>;
  readonly goal: ReturnType<typeof goalFor>;
  readonly chosen: readonly string[];
  readonly price: number;
}

function purchase(random: SmallRng): Purchase {
  const pool = times(6, () => hostile(random));
  const some = () => (random.uniform() < 0.6 ? random.pick(pool) : hostile(random));
  const bought = product(random, some);
  const chosen = times(random.integer(4), some);
  return { bought, goal: goalFor(random, some, bought.title), chosen, price: random.pick([10, 20, 20.005, 30]) };
}

function product(random: SmallRng, some: () => string) {
  return {
    query: random.pick(['q1', 'q2']),
    path: path(random),
    title: hostile(random),
    bullets: times(random.integer(4), () => hostile(random)),
    description: times(random.integer(6), () => hostile(random)).join(' '),
    attributes: times(random.integer(5), some),
    nouns: times(random.integer(10), () => random.pick([...'abcdefghijkl'])),
  };
}

function goalFor(random: SmallRng, some: () => string, title: string) {
  const options: { named: [string, string][] } | { values: string[] } =
    random.uniform() < 0.6
      ? { named: [...new Map(['color', 'grey', hostile(random)].slice(random.integer(3)).map((name) => [name, some()]))] }
      : { values: times(random.integer(4), some) };
  const part = [...title.toLowerCase()].slice(0, 6).join('');
  return {
    query: random.pick(['q1', 'q2']),
    path: path(random),
    attributes: [...times(1 + random.integer(4), some), ...(random.uniform() < 0.3 ? [part] : [])],
    nouns: times(random.integer(15), () => random.pick([...'abcdefghijklmnopqrstuvw'])),
    options,
    upper: random.pick([10, 20, 20.01, 1e6]),
  };
}

function partsOf({ bought, goal, chosen, price }: Purchase): unknown[] {
  const nouns = [bought.nouns, goal.nouns];
  const score = scorePurchase(
    { ...bought, productCategory: bought.path },
    {
      ...{ asin: '', category: '', instruction: '', title: '', query: goal.query, productCategory: goal.path },
      attributes: goal.attributes,
      priceUpper: goal.upper,
      options: 'named' in goal.options ? { named: new Map(goal.options.named) } : goal.options,
    },
    price,
    chosen,
    () => nouns.shift() ?? [],
  );
  const { reward, typeFactor, attributes, options, queryMatch, categoryMatch, titleScore } = score;
  return [reward, typeFactor, attributes, options ?? null, score.price, queryMatch, categoryMatch, titleScore];
}

function path(random: SmallRng): string {
  return times(1 + random.integer(4), () => random.pick([' a ', 'b', '\u00a0c', ' d\u0085', '\ufeffa', '\x1ca'])).join('›');
}

const words =
  `machine washable wash long sleeve x-large xx-large large 7.5 8 essential oil oils tea tree blue|red dark grey titanium light gold small mens
  women café non slip pack of 12" wide`.split(/\s+/);
const odd = [
  ...[
    '\u00a0',
    '\u200b',
    'é',
    'ß',
    'İ',
    '\u0085',
    '\x1c',
    '\ufeff',
    "'",
    '"',
    '\\',
    '\n',
    '\t',
    '\r',
    '👍',
    '٣',
    '日本',
    '½',
    '²',
    'Ⅷ',
    'ª',
  ],
  ...[
    'µ',
    'ẞ',
    'Σ',
    'ς',
    '\u0301',
    '_',
    '\u2028',
    '\ue000',
    '\u{e0001}',
    'ﬁ',
    'Ǆ',
    '·',
    '\x7f',
    '\0',
    '𝟘',
    ' ',
    'a',
    'B',
    'wide'.repeat(50),
  ],
];

function hostile(random: SmallRng): string {
  const word = () => (random.uniform() < 0.75 ? random.pick(words) : times(1 + random.integer(4), () => random.pick(odd)).join(''));
  return times(1 + random.integer(6), word).join(random.pick([' ', ' ', ' ', '  ', '\u00a0', '']));
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
