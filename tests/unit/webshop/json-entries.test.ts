import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonEntries } from '../../../lib/env/webshop/catalogue/json-entries.ts';

async function* pieces(text: string, length: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function read(text: string, length = 7): Promise<unknown> {
  const entries: [string | undefined, unknown][] = [];
  for await (const { key, json } of jsonEntries(pieces(text, length), 'file')) entries.push([key, JSON.parse(json.toString())]);
  return text.trimStart().startsWith('{') ? Object.fromEntries(entries) : entries.map(([, value]) => value);
}

describe('entries of a large JSON file', () => {
  test('are those that JSON.parse finds, however the bytes are cut', async () => {
    const value = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()));
    await fc.assert(
      fc.asyncProperty(value, fc.integer({ min: 1, max: 40 }), fc.constantFrom(0, 2), async (json, length, indent) => {
        const text = JSON.stringify(json, null, indent);
        expect(await read(text, length)).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  test('may stand behind a byte order mark, with line ends of any kind', async () => {
    expect(await read('\ufeff\r\n[1,\r\n2]\r\n', 1)).toEqual([1, 2]);
  });

  test.each([
    ['', 'an empty file'],
    ['  ', 'an empty file'],
    ['[1, 2', 'the end of the file'],
    ['{"a": "]}', 'the end of the file'],
    ['"text"', 'got "\\""'],
    ['[1}', 'expected ], got } at byte 2'],
    ['{"a": 1]', 'expected }, got ] at byte 7'],
    ['{"\\x": 1}', 'the name of a member at byte 1'],
    ['<!DOCTYPE html>', 'got "<" at byte 0\n  this is a web page'],
    ['\u001f\u008b', 'got "\\u001f"'],
    ['\ufeff\ufeff[]', 'got "ï" at byte 3'],
    ['[1,,2]', 'a value at either side of a comma'],
    ['[1,]', 'a value at either side of a comma'],
    ['{1: 2}', 'a member with a name'],
    ['[] x', 'the end of the file, got "x"'],
  ])('are refused in %j', async (text, message) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'ASTARPO_DATA', message: expect.stringContaining(message) });
  });
});
