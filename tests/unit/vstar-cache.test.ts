import { spawn } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type StoredSample, VStarCache } from '../../lib/vstar/cache.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-vstar-'));
  file = join(folder, 'vstar.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const sample = (index: number, changes: Partial<StoredSample> = {}): StoredSample => ({
  ...{ key: 'k', index, return: index / 10, success: false, turns: 2, tokens: 20, finish: 'done', seed: 2n ** 63n + 1n },
  ...{ time: '2026-01-01T00:00:00.000Z' },
  ...changes,
});

async function stored(count: number): Promise<void> {
  await using cache = await VStarCache.open(file, { seed: 5n });
  for (let i = 0; i < count; i++) cache.add(sample(i));
}

describe('VStarCache', () => {
  it('keeps samples, its seed and 64-bit seeds', async () => {
    await stored(3);
    await using cache = await VStarCache.open(file, { seed: 99n });
    expect(cache.seed).toBe(5n);
    expect(cache.get('k')).toEqual([sample(0), sample(1), sample(2)]);
    expect(cache.size).toBe(3);
    expect(cache.sampleSeed('k', 3)).not.toBe(cache.sampleSeed('k', 2));
    const [header, line] = (await readFile(file, 'utf8')).split('\n');
    expect(JSON.parse(header as string)).toMatchObject({ schema: 'astar-po/vstar/1', storeSeed: '5' });
    expect(JSON.parse(line as string)).toMatchObject({ seed: '9223372036854775809', return: 0 });
  });

  it('computes V* on reading, from the first n samples', async () => {
    await using cache = await VStarCache.open(file);
    for (const i of [0, 1, 2, 3, 4, 5, 6, 7]) cache.add(sample(i, { return: i === 0 ? 1 : 0 }));
    expect(cache.vstar('k', { beta: 0.5, mode: 'soft', n: 8 })?.value).toBeCloseTo(0.293513, 6);
    expect(cache.vstar('k', { beta: 0.5, mode: 'mean', n: 4 })?.value).toBe(0.25);
    expect(cache.vstar('k', { beta: 0.5, mode: 'soft', n: 9 })).toBeUndefined();
    expect(cache.vstar('other', { beta: 0.5, mode: 'soft', n: 1 })).toBeUndefined();
  });

  it('counts hits, misses and top-ups', async () => {
    await stored(2);
    await using cache = await VStarCache.open(file);
    expect(cache.request('k', 2)).toEqual([]);
    expect(cache.request('k', 4)).toEqual([2, 3]);
    expect(cache.request('new', 2)).toEqual([0, 1]);
    expect(cache.counters).toEqual({ hits: 1, misses: 1, topUps: 1, damaged: 0 });
  });

  it('cuts a torn last line, whatever its length', async () => {
    await stored(2);
    const whole = await readFile(file);
    await stored(0);
    const line = whole.length - whole.lastIndexOf(10, whole.length - 2) - 1;
    for (const cut of [1, 2, line >> 1, line - 1, line]) {
      await writeFile(file, whole.subarray(0, whole.length - cut));
      const cache = await VStarCache.open(file);
      expect([cache.damaged, cache.size, cache.missing('k', 3)]).toEqual([0, 1, [1, 2]]);
      cache.add(sample(1));
      await cache.close();
      expect(await readFile(file)).toEqual(whole);
    }
  });

  it('a store torn in its header starts anew', async () => {
    await writeFile(file, '{"schema":"astar-po/vst');
    await using cache = await VStarCache.open(file, { seed: 8n });
    expect([cache.seed, cache.size]).toEqual([8n, 0]);
  });

  it('counts damaged lines in the middle and draws their samples again', async () => {
    await stored(4);
    const lines = (await readFile(file, 'utf8')).split('\n');
    lines[2] = (lines[2] as string).replace('0.1', '0.9');
    lines.splice(4, 0, '\u0000\u0000garbage', '');
    await writeFile(file, lines.join('\n'));
    const cache = await VStarCache.open(file);
    expect(cache.damaged).toBe(3);
    expect(cache.missing('k', 4)).toEqual([1]);
    cache.add(sample(1));
    await cache.close();
    await using again = await VStarCache.open(file);
    expect(again.get('k')).toEqual([0, 1, 2, 3].map((index) => sample(index)));
  });

  it('leaves a file alone that is no store', async () => {
    for (const text of ['{"other":1}\n', 'precious', '{"schema":"astar-po/vstar/1","storeSeed":"1","crc":"00000000"}\n']) {
      await writeFile(file, text);
      await expect(VStarCache.open(file)).rejects.toMatchObject({ code: 'ASTARPO_VSTAR' });
      expect(await readFile(file, 'utf8')).toBe(text);
    }
  });

  it('refuses returns that are not finite and samples that are there', async () => {
    await using cache = await VStarCache.open(file);
    cache.add(sample(0));
    expect(() => cache.add(sample(0))).toThrow(expect.objectContaining({ code: 'ASTARPO_VSTAR' }));
    expect(() => cache.add(sample(1, { return: Number.NaN }))).toThrow(expect.objectContaining({ code: 'ASTARPO_REWARD' }));
    expect(cache.size).toBe(1);
  });

  it('names its beginning while it goes on growing', async () => {
    await stored(2);
    const cache = await VStarCache.open(file);
    const prefix = cache.prefix();
    expect(prefix.bytes).toBe((await stat(file)).size);
    cache.add(sample(2));
    expect(cache.prefix().sha256).not.toBe(prefix.sha256);
    expect(await cache.hasPrefix(prefix)).toBe(true);
    expect(await cache.hasPrefix({ ...prefix, bytes: prefix.bytes - 1 })).toBe(false);
    expect(await cache.hasPrefix({ ...prefix, bytes: prefix.bytes + 10_000 })).toBe(false);
    const after = cache.prefix();
    await cache.close();
    await using again = await VStarCache.open(file);
    expect(again.prefix()).toEqual(after);
  });

  it('has one writer; a reader needs no lock; a dead writer is succeeded', async () => {
    const cache = await VStarCache.open(file);
    await expect(VStarCache.open(file)).rejects.toMatchObject({ code: 'ASTARPO_BUSY' });
    await using reader = await VStarCache.open(file, { readOnly: true });
    expect(() => reader.add(sample(0))).toThrow(expect.objectContaining({ code: 'ASTARPO_VSTAR' }));
    await cache.close();
    expect(() => cache.add(sample(0))).toThrow(expect.objectContaining({ code: 'ASTARPO_DISPOSED' }));
    // The id of a process that lives, with the start time of another: ids are used again.
    await writeFile(`${file}.lock`, JSON.stringify({ pid: process.pid, host: (await import('node:os')).hostname(), started: '1' }));
    await (await VStarCache.open(file)).close();
    await expect(stat(`${file}.lock`)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(VStarCache.open(join(folder, 'none'), { readOnly: true })).rejects.toMatchObject({ code: 'ASTARPO_VSTAR' });
  });

  it('loses nothing that was stored when its process is killed', async () => {
    const script = join(folder, 'child.mts');
    const told = join(folder, 'told');
    const cachePath = new URL('../../lib/vstar/cache.ts', import.meta.url).pathname;
    await writeFile(
      script,
      `import { openSync, writeSync } from 'node:fs';
       import { setTimeout } from 'node:timers/promises';
       import { VStarCache } from ${JSON.stringify(cachePath)};
       const told = openSync(${JSON.stringify(told)}, 'w');
       const cache = await VStarCache.open(${JSON.stringify(file)}, { seed: 5n });
       for (let index = cache.size; ; index++) {
         cache.add({ key: 'k', index, return: index, success: true, turns: 1, tokens: 1, finish: 'done', seed: 1n, time: '' });
         writeSync(told, String(index).padStart(8), 0);
         if (index % 20 === 0) await setTimeout(1);
       }`,
    );
    for (const least of [200, 600]) {
      const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'ignore', 'inherit'] });
      const exit = new Promise((resolve) => child.on('exit', resolve));
      const last = async () => Number((await readFile(told, 'utf8').catch(() => '')) || -1);
      while ((await last()) < least && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGKILL');
      await exit;
      const stored = (await last()) + 1;
      expect(stored).toBeGreaterThan(least);
      await using cache = await VStarCache.open(file, { readOnly: true });
      expect(cache.damaged).toBe(0);
      expect(cache.missing('k', stored)).toEqual([]);
    }
    await appendFile(file, '{"key":"k","ind');
    await using cache = await VStarCache.open(file);
    expect(cache.damaged).toBe(0);
  });
});
