import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodePointSet } from '../../lib/model/tokenization/code-points.ts';
import { MergeQueue } from '../../lib/model/tokenization/merge-queue.ts';
import { PairTable } from '../../lib/model/tokenization/pair-table.ts';
import { compileLiteral, compilePattern, findMatches } from '../../lib/model/tokenization/pattern.ts';
import { TokenFinder } from '../../lib/model/tokenization/token-finder.ts';
import { unicodeProperty, unicodeTable, whiteSpace } from '../../lib/model/tokenization/unicode.ts';

const matches = (source: string, text: string) => findMatches(compilePattern(source), text).map(([start, end]) => text.slice(start, end));

describe('CodePointSet', () => {
  const small = fc.uniqueArray(fc.nat(40), { maxLength: 15 });
  const setOf = (members: readonly number[]) => CodePointSet.union(members.map((member) => CodePointSet.range(member)));
  const membersOf = (set: CodePointSet) => Array.from({ length: 45 }, (_, c) => c).filter((c) => set.has(c));
  const sorted = (members: Iterable<number>) => [...members].sort((a, b) => a - b);

  it('is a set', () => {
    fc.assert(
      fc.property(small, small, (a, b) => {
        expect(membersOf(setOf(a))).toEqual(sorted(a));
        expect(membersOf(CodePointSet.union([setOf(a), setOf(b)]))).toEqual(sorted(new Set([...a, ...b])));
        expect(membersOf(setOf(a).intersect(setOf(b)))).toEqual(sorted(a.filter((c) => b.includes(c))));
        expect(membersOf(setOf(a).complement)).toEqual(Array.from({ length: 45 }, (_, c) => c).filter((c) => !a.includes(c)));
        expect(setOf(a).complement.complement.bounds).toEqual(setOf(a).bounds);
      }),
    );
  });

  it('writes itself as a character class', () => {
    for (const set of [CodePointSet.of('a-]^🙂'), CodePointSet.all, CodePointSet.none, whiteSpace, unicodeTable('Lu').complement]) {
      const pattern = new RegExp(`^${set.source}$`, 'u');
      for (const character of 'a-]^🙂AÉ \u0085\ufeff\u{1f600}\u{10ffff}\0') {
        expect(pattern.test(character)).toBe(set.has(character.codePointAt(0) ?? 0));
      }
    }
  });
});

describe('Unicode as the tokenizers library has it', () => {
  it('does not depend on what this Node knows', () => {
    // Letters of Unicode 16 and, unknown there, of Unicode 17.
    expect(unicodeProperty('L')?.has(0x1c89)).toBe(true);
    expect(unicodeProperty('L')?.has(0xa7d2)).toBe(false);
    expect(unicodeProperty('Cn')?.has(0xa7d2)).toBe(true);
    expect(whiteSpace.has(0x85) && !whiteSpace.has(0xfeff)).toBe(true);
  });

  it('puts every code point into exactly one general category', () => {
    const categories = 'Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn'.split(' ');
    const sets = categories.map((name) => unicodeProperty(name) ?? CodePointSet.none);
    const size = (set: CodePointSet) => set.ranges.reduce((sum, [start, end]) => sum + end - start, 0);
    expect(sets.reduce((sum, set) => sum + size(set), 0)).toBe(0x110000);
    expect(CodePointSet.union(sets).bounds).toEqual([0, 0x110000]);
  });

  it('knows properties by their names in any spelling', () => {
    expect(unicodeProperty('Letter')?.bounds).toEqual(unicodeProperty('l')?.bounds);
    expect(unicodeProperty('White_Space')).toBe(whiteSpace);
    expect(unicodeProperty('Klingon')).toBeUndefined();
  });
});

describe('compilePattern', () => {
  // Expected: what Oniguruma 6.9 gives in the tokenizers library.
  it.each([
    ['(?i:s|k)', 'sSſkK\u212a', ['s', 'S', 'ſ', 'k', 'K', '\u212a']],
    ['\\w', 'a²_', ['a', '²', '_']],
    ['[\\w]', 'a²_', ['a', '_']],
    ['[^\\W]', 'a²_', ['a', '_']],
    ['[a-z&&[^aeiou]]+', 'hello', ['h', 'll']],
    ['[]a]', 'a]b', ['a', ']']],
    ['[a-c-e]', 'b-de', ['b', '-', 'e']],
    ['[[:alpha:]]+|[[:punct:]]', 'é$1', ['é', '$']],
    ['\\p{^L}|\\P{^Lu}', 'aB1', ['B', '1']],
    ['.', '\r\n\u2028', ['\r', '\u2028']],
    ['(?m:.)', '\n', ['\n']],
    ['^a|b$', 'a\nab\nb', ['a', 'a', 'b', 'b']],
    ['a?+a', 'a', []],
    ['(?>ab|a)b?c', 'abc abbc', ['abc', 'abbc']],
    ['a{,2}', 'aaa', ['aa', 'a']],
    ['a{1,2}+', 'aaaaa', ['aaaaa']],
    ['a{x}', 'a{x}', ['a{x}']],
    ['\\h\\x41\\x{1F642}\\u00e9', 'fA🙂é', ['fA🙂é']],
    ['(a)(?<name>b)(?#comment)', 'ab', ['ab']],
    ['\\bfoo\\b', 'foo food foo²', ['foo']],
    ['a(?i)b|c', 'aB aC C', ['aB', 'aC']],
  ])('%s in %j', (source, text, expected) => {
    expect(matches(source, text)).toEqual(expected);
  });

  it.each([
    '(a)\\1',
    '\\k<a>',
    '\\R',
    '\\X',
    '\\Ga',
    '(?~a)',
    '(?i:é)',
    '(?i:st)',
    'a{2}?',
    '(',
    ')',
    '[a',
    '*a',
    '\\p{Klingon}',
    '[z-a]',
    '(?x:a)',
  ])('refuses %s', (source) => {
    expect(() => compilePattern(source)).toThrow(expect.objectContaining({ name: 'UntranslatablePattern' }));
  });

  it('does not count an empty match right after a match, or inside a character', () => {
    expect(findMatches(compilePattern('x*'), 'axb')).toEqual([
      [0, 0],
      [1, 2],
      [3, 3],
    ]);
    expect(findMatches(compilePattern('\\b|\\B'), '🙂')).toEqual([
      [0, 0],
      [2, 2],
    ]);
    expect(findMatches(compilePattern('x*'), '')).toEqual([]);
  });

  it('takes a literal as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }), (text) => {
        expect(findMatches(compileLiteral(text), `${text}${text}`)).toEqual([
          [0, text.length],
          [text.length, 2 * text.length],
        ]);
      }),
    );
  });
});

describe('TokenFinder', () => {
  it('finds the leftmost tokens, of those the longest', () => {
    const names = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', '|'), minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(names, fc.string({ unit: fc.constantFrom('a', 'b', '|', ' '), maxLength: 30 }), (tokens, text) => {
        const finder = new TokenFinder();
        for (const [id, token] of tokens.entries()) finder.add(token, id);
        const longestFirst = [...tokens].sort((a, b) => b.length - a.length).map((token) => token.replaceAll('|', '\\|'));
        const expected = [...text.matchAll(new RegExp(longestFirst.join('|'), 'g'))].map(({ index, 0: found }) => [
          index,
          tokens.indexOf(found),
        ]);
        expect(finder.find(text).map(({ id, start }) => [start, id])).toEqual(expected);
      }),
    );
  });
});

describe('what merges are found by', () => {
  it('PairTable is a map of pairs', () => {
    const pairs = fc.array(fc.tuple(fc.nat(2 ** 18), fc.nat(2 ** 18), fc.nat(2 ** 20)), { maxLength: 200 });
    fc.assert(
      fc.property(pairs, (entries) => {
        const table = new PairTable(entries.length);
        const map = new Map<string, number>();
        for (const [left, right, rank] of entries) {
          table.set(left, right, rank);
          map.set(`${left} ${right}`, rank);
        }
        for (const [left, right] of entries) {
          expect(table.get(left, right)).toBe(map.get(`${left} ${right}`));
          expect(table.get(right, left)).toBe(map.get(`${right} ${left}`) ?? -1);
        }
      }),
    );
  });

  it('MergeQueue gives the lowest rank first, of equal ranks the leftmost', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2 ** 20), fc.nat(2 ** 31))), (entries) => {
        const queue = new MergeQueue();
        for (const [rank, position] of entries) queue.push(rank, position);
        const order: number[][] = [];
        while (!queue.empty) {
          const { rank, position } = queue.pop();
          order.push([rank, position]);
        }
        expect(order).toEqual([...entries].sort(([a, x], [b, y]) => a - b || x - y));
      }),
    );
  });
});
