import { expect, test } from 'vitest';
import { PythonRandom } from '../../../lib/env/webshop/python/python-random.ts';
import { byCodePoint, pythonFloat, pythonJson, pythonString, pythonStrip } from '../../../lib/env/webshop/python/python-text.ts';

// All expected values of this file were printed by CPython 3.11.
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

test('draws what Python draws', () => {
  const doubles = new PythonRandom(233);
  expect([doubles.random(), doubles.random(), doubles.random()]).toEqual([0.6824769139473528, 0.6283202109809801, 0.5251745077282681]);
  const words = new PythonRandom(233);
  expect([words.bits(32), words.bits(32), words.bits(32)]).toEqual([2931216007, 3446561803, 2698614761]);
  expect(new PythonRandom(233).shuffle(upTo(10))).toEqual([5, 9, 0, 1, 4, 7, 6, 3, 8, 2]);
  const long = new PythonRandom(233);
  const shuffled = long.shuffle(upTo(6910));
  expect(shuffled.slice(0, 10)).toEqual([3963, 2638, 2193, 1856, 4358, 6149, 2504, 3220, 705, 1072]);
  expect(shuffled.slice(-5)).toEqual([4302, 1428, 5147, 6573, 5590]);
  expect(long.random()).toBe(0.3292149168523828);
  expect(new PythonRandom(42).shuffle(upTo(6910)).slice(0, 5)).toEqual([6684, 875, 327, 2233, 5861]);
});

test('samples and chooses as Python does, in pools and in large populations', () => {
  const random = new PythonRandom(233);
  const pairs = Array.from({ length: 6 }, () => random.sample([10, 20, 30, 40], 2));
  expect(pairs.map(String)).toEqual(['20,30', '20,40', '20,10', '10,20', '20,30', '10,40']);
  expect(new PythonRandom(233).sample(upTo(1000), 5)).toEqual([698, 821, 643, 178, 537]);
  expect(new PythonRandom(233).choices([...'abcdefghijklmnopqrstuvwxyz'], 10).join('')).toBe('rqnumfvgss');
});

test('takes seeds beyond 32 bits and ignores their sign', () => {
  expect(new PythonRandom(-7).random()).toBe(new PythonRandom(7n).random());
  expect(new PythonRandom(2n ** 40n).random()).not.toBe(new PythonRandom(2n ** 8n).random());
});

test('writes and strips text as Python does', () => {
  expect([100, 38.79, 0.5, 1, 0].map(pythonFloat)).toEqual(['100.0', '38.79', '0.5', '1.0', '0.0']);
  expect([1e16, 1.5e22, 9999999999999998, 1e-4, 0.00001, 1.25e-10, -2e17, 1e300].map(pythonFloat)).toEqual([
    ...['1e+16', '1.5e+22', '9999999999999998.0', '0.0001', '1e-05', '1.25e-10', '-2e+17', '1e+300'],
  ]);
  expect(pythonStrip('\u00a0\u0085 \u001fa b\u3000\n')).toBe('a b');
  expect(pythonStrip('\ufeffa')).toBe('\ufeffa');
  expect(pythonString("it's")).toBe('"it\'s"');
  expect(pythonString('a\u00a0"\'\\\u{1f600}\u200b')).toBe("'a\\xa0\"\\'\\\\\u{1f600}\\u200b'");
  expect(['\u{1f600}', '\uffee', 'ab', 'a'].sort(byCodePoint)).toEqual(['a', 'ab', '\uffee', '\u{1f600}']);
  expect(
    pythonJson(
      new Map([
        ['size', '16" x 16"'],
        ['color', 'é'],
      ]),
    ),
  ).toBe('{"color": "\\u00e9", "size": "16\\" x 16\\""}');
});
