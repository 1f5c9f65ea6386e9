import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { indexDocuments } from '../../../lib/env/webshop/search/index-builder.ts';
import { openIndex, saveIndex } from '../../../lib/env/webshop/search/index-file.ts';
import { SearchIndex } from '../../../lib/env/webshop/search/search-index.ts';
import { SearchPool } from '../../../lib/env/webshop/search/search-pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'astarpo-index-'));
afterAll(() => rmSync(folder, { recursive: true }));

const index = indexDocuments([
  ['B2', 'red shoe, size 9½ – naïve'],
  ['B1', 'red shoe'],
  ['B3', ''],
  ['B0', 'blue hat 日本'],
]);

describe('an index on disk', () => {
  const path = join(folder, 'search.index');

  test('finds what it found before', async () => {
    await saveIndex(path, index, 'four');
    const opened = openIndex(path, 'four');
    expect([...(opened?.vocabulary() ?? [])]).toEqual([...index.vocabulary()]);
    for (const query of ['red shoes', 'hat', '日', 'naïve red', '']) expect(opened?.search(query)).toEqual(index.search(query));
  });

  test('is made anew for other documents, and where there is none', () => {
    expect(openIndex(path, 'five')).toBeUndefined();
    expect(openIndex(join(folder, 'none'), 'four')).toBeUndefined();
  });

  test('is refused when a bit of it changed or its end is missing', () => {
    const bytes = readFileSync(path);
    for (const [name, damage] of [
      ['bit', (copy: Buffer) => copy.writeUInt8(copy.readUInt8(copy.length - 3) ^ 1, copy.length - 3)],
      ['magic', (copy: Buffer) => copy.writeUInt8(0, 0)],
      ['header', (copy: Buffer) => copy.write('}', 13)],
    ] as const) {
      const copy = Buffer.from(bytes);
      damage(copy);
      writeFileSync(join(folder, name), copy);
      expect(() => openIndex(join(folder, name), 'four')).toThrow(expect.objectContaining({ code: 'ASTARPO_DATA' }));
    }
    truncateSync(path, bytes.length - 1);
    expect(() => openIndex(path, 'four')).toThrow(expect.objectContaining({ code: 'ASTARPO_DATA' }));
    truncateSync(path, 5);
    expect(() => openIndex(path, 'four')).toThrow(expect.objectContaining({ code: 'ASTARPO_DATA' }));
  });

  test('works in another place of memory from its buffer and counts alone', () => {
    const other = new SearchIndex(index.buffer, index.counts);
    expect(other.search('red')).toEqual(index.search('red'));
  });
});

describe('a pool of threads over one index', () => {
  test('finds what the index finds, for many searches at a time', async () => {
    const pool = new SearchPool(index, 2);
    const queries = Array.from({ length: 40 }, (_, i) => ['red shoes', 'hat', '日', 'nothing', ''][i % 5] ?? '');
    expect(await Promise.all(queries.map((query) => pool.search(query)))).toEqual(queries.map((query) => index.search(query)));
    await pool.close();
    await expect(pool.search('hat')).rejects.toMatchObject({ code: 'ASTARPO_DISPOSED' });
  });

  test('rejects what waits when it is closed', async () => {
    const pool = new SearchPool(index, 1);
    const waiting = Promise.allSettled(Array.from({ length: 30 }, () => pool.search('red')));
    await pool.close();
    expect((await waiting).at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'ASTARPO_DISPOSED' } });
  });
});
