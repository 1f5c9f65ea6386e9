import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { webshopData } from '../../fixtures/webshop-data.ts';
import { Catalogue } from '../../webshop-vectors/catalogue.ts';
import { findRecordings, type Recording } from '../../webshop-vectors/recordings.ts';

/** How many comparisons each file of recordings is good for. */
const sizes: Readonly<Record<string, number>> = {
  'token_set_ratio_vectors.jsonl': 2000,
  'normalize_color_vectors.jsonl': 500,
  'lucene_vocab_1k.json': 12_074,
  'search_vectors.json': 621,
  'goals_1k_synthetic_seed233.sample.jsonl': 1675,
  'replay_vectors.jsonl': 1662,
  'reward_vectors.jsonl': 4000,
  'agentgym_done_records.jsonl': 18,
};

let opened: Promise<Catalogue> | undefined;
const catalogue = (): Promise<Catalogue> => {
  opened ??= Catalogue.open(webshopData ?? '');
  return opened;
};

describe.skipIf(webshopData === undefined)('recordings of the original', () => {
  const { recordings, unknown } = webshopData === undefined ? { recordings: [], unknown: [] } : findRecordings(webshopData, catalogue);

  test('are all known', () => {
    expect(unknown).toEqual([]);
    expect(recordings.map(({ file }) => file).sort()).toEqual(Object.keys(sizes).sort());
  });

  test.each(recordings.map((recording) => [recording.file, recording] as const))('%s', async (file, recording: Recording) => {
    const { compared, first } = await recording.run();
    expect(first).toBeUndefined();
    expect(compared).toBe(sizes[file]);
  });
});

describe('a folder of recordings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'astarpo-vectors-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('is known by what its files hold, whatever their names, and a difference is shown', async () => {
    writeFileSync(join(folder, 'mine.jsonl'), '{"a":"tea bag","b":"tea tree","score":60}\n{"a":"large","b":"x-large","score":99}\n');
    writeFileSync(join(folder, 'colours.json'), '[{"x":"light blue","result":"blue"}]');
    writeFileSync(join(folder, 'other.json'), '{"what":"something else"}');
    writeFileSync(join(folder, 'README.md'), 'no recordings');
    const { recordings, unknown } = findRecordings(folder, catalogue);
    expect(unknown).toEqual(['other.json']);
    const outcomes = await Promise.all(recordings.map((recording) => recording.run()));
    expect(outcomes).toEqual([
      { file: 'colours.json', format: 'normalize_color', compared: 1, different: 0, first: undefined, notes: [] },
      {
        file: 'mine.jsonl',
        format: 'token_set_ratio',
        compared: 2,
        different: 1,
        first: 'record 2: ["large","x-large"]\n  at character 0\n  recorded: 99\n  here:     100',
        notes: [],
      },
    ]);
  });

  test('with a broken file is told by line, and the others are compared', () => {
    writeFileSync(join(folder, 'mine.jsonl'), '{"a":"tea bag","b":"tea tree","score":60}\n{"a":"large"');
    writeFileSync(join(folder, 'number.json'), '12');
    const { recordings, unknown, broken } = findRecordings(folder, catalogue);
    expect(recordings.map(({ file }) => file)).toEqual(['colours.json']);
    expect(unknown).toEqual(['number.json', 'other.json']);
    expect(broken).toMatchObject([{ file: 'mine.jsonl', error: { message: expect.stringMatching(/line 2 of .*mine\.jsonl/) } }]);
  });

  test('with a record of another form shows that one as different', async () => {
    writeFileSync(join(folder, 'mine.jsonl'), '{"a":"tea bag","b":"tea tree","score":60}\n{"a":7}\n{"a":"x","b":"x","score":100}');
    const { recordings } = findRecordings(folder, catalogue);
    expect(await recordings.at(-1)?.run()).toMatchObject({
      ...{ compared: 3, different: 1 },
      first: expect.stringContaining('record 2'),
    });
  });
});
