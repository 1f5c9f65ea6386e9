import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPythonSpace, pythonStrip } from '../../../lib/env/webshop/python/python-text.ts';
import { parseAction } from '../../../lib/env/webshop/shop/session.ts';

describe('actions of the shop', () => {
  test.each([
    ['search[ a b ]', 'search', ' a b '],
    ['Search[A]', 'Search', 'a'],
    ['search [a]', 'search ', 'a'],
    [' search[a]', ' search', 'a'],
    ['search[a]b', 'search', 'a'],
    ['search[a][b]', 'search[a]', 'b'],
    ['search[[x]]', 'search[', 'x]'],
    ['click[size [m]]', 'click[size ', 'm]'],
    ['click[] ]', 'click', '] '],
    ['<answer>click[x]</answer>', '<answer>click', 'x'],
    ['think[hmm]; click[x]', 'think[hmm]; click', 'x'],
    ['search[a\rb]', 'search', 'a\rb'],
    ['search[a]\nclick[b]', 'search', 'a'],
    ['search[]', 'search[]', undefined],
    ['search[', 'search[', undefined],
    ['[a]', '[a]', undefined],
    ['search[a\nb]', 'search[a\nb]', undefined],
    ['start', 'start', undefined],
    ['', '', undefined],
  ])('%j', (action, name, argument) => {
    expect(parseAction(action)).toEqual({ name, argument });
  });

  test('are read as the regular expression of the original reads them', () => {
    const texts = fc.string({
      unit: fc.constantFrom('search', 'click', '[', ']', 'a', 'B', ' ', '\n', '\r', '\u2028', '😀', '\ud800'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(texts, (action) => {
        const match = /^([^\n]+)\[([^\n]+)\]/.exec(action);
        const expected = match === null ? { name: action, argument: undefined } : { name: match[1], argument: match[2]?.toLowerCase() };
        expect(parseAction(action)).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

test('white space is what Python calls so', () => {
  const spaces = Array.from({ length: 0x10000 }, (_, unit) => unit).filter(isPythonSpace);
  const named = [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680];
  const wide = Array.from({ length: 11 }, (_, i) => 0x2000 + i);
  expect(spaces).toEqual([...named, ...wide, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000]);
  expect(pythonStrip('\u0085 \ufeffa b\u001c\u3000')).toBe('\ufeffa b');
  expect(pythonStrip(' \t')).toBe('');
});
