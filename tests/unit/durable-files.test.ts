import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Trajectory } from '../../lib/rollout/trajectory.ts';
import { readTrajectories, saveTrajectories, TrajectoryFile } from '../../lib/rollout/trajectory-file.ts';
import { checkpointSteps, pruneCheckpoints } from '../../lib/train/checkpoint.ts';
import { AppendFile, writeFileAtomic } from '../../lib/util/atomic-file.ts';
import { FileLock } from '../../lib/util/file-lock.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a file written atomically', () => {
  it('is replaced whole and leaves nothing beside it', async () => {
    const path = join(folder, 'deep', 'file.json');
    await writeFileAtomic(path, 'one');
    await writeFileAtomic(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readdir(join(folder, 'deep'))).toEqual(['file.json']);
  });

  it('keeps the old content when the new one cannot be written', async () => {
    await writeFile(join(folder, 'file'), 'not a folder');
    await expect(writeFileAtomic(join(folder, 'file', 'x'), 'new')).rejects.toMatchObject({ code: 'ASTARPO_IO' });
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('not a folder');
  });
});

describe('checkpoints', () => {
  it('are pruned to the last and the best, with what interrupted saves left', async () => {
    const parent = join(folder, 'checkpoints');
    for (const name of ['step-000002', 'step-000004', 'step-000006', 'step-000008', '.step-000010.tmp']) {
      await mkdir(join(parent, name, 'model'), { recursive: true });
    }
    await pruneCheckpoints(folder, 2, 2);
    expect((await readdir(parent)).sort()).toEqual(['step-000002', 'step-000006', 'step-000008']);
    expect(await checkpointSteps(folder)).toEqual([2, 6, 8]);
  });
});

describe('a file that grows', () => {
  it('goes on at its end, or where it is cut', async () => {
    const path = join(folder, 'lines');
    const first = await AppendFile.open(path);
    first.append('α');
    const mark = first.length;
    first.append('beta');
    expect([mark, first.length]).toEqual([3, 8]);
    // The line is with the operating system before anything is made durable.
    expect(await readFile(path, 'utf8')).toBe('α\nbeta\n');
    await Promise.all([first.sync(), first.sync()]);
    await first.close();
    await first.close();
    const second = await AppendFile.open(path, { length: mark });
    second.append('gamma');
    await second.close();
    expect(await readFile(path, 'utf8')).toBe('α\ngamma\n');
  });

  it('says what to do when the disk is full, and can go on afterwards', async () => {
    const full = await AppendFile.open('/dev/full', { syncEveryMs: 0 });
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(() => full.append('line')).toThrow(
        expect.objectContaining({ code: 'ASTARPO_IO', hint: expect.stringMatching(/free some space/) }),
      );
    }
    expect(full.length).toBe(0);
  });

  it('takes a half-written line back', () => {
    const path = join(folder, 'limited');
    const script = `import { AppendFile } from ${JSON.stringify(new URL('../../lib/util/atomic-file.ts', import.meta.url).pathname)};
      process.on('SIGXFSZ', () => undefined);
      const file = await AppendFile.open(${JSON.stringify(path)});
      file.append('x'.repeat(900));
      try { file.append('y'.repeat(900)); } catch (error) { console.log(error.code, file.length); }`;
    // A limit of 1 KiB on the size of files stands in for a disk that fills in the middle of a line.
    const child = spawnSync('bash', ['-c', 'ulimit -f 1; exec node --import tsx --input-type=module -e "$0"', script], {
      encoding: 'utf8',
    });
    expect(child.stdout.trim(), child.stderr).toBe('ASTARPO_IO 901');
    return expect(readFile(path, 'utf8')).resolves.toBe(`${'x'.repeat(900)}\n`);
  });
});

describe('a lock', () => {
  it('has one owner', () => {
    const path = join(folder, 'lock');
    const lock = FileLock.acquire(path);
    expect(() => FileLock.acquire(path)).toThrow(expect.objectContaining({ code: 'ASTARPO_BUSY' }));
    lock.release();
    lock.release();
    FileLock.acquire(path).release();
  });

  it('of a dead process is taken over; of another machine or without an owner it is not', async () => {
    const path = join(folder, 'lock');
    const dead = spawnSync('true').pid;
    await writeFile(path, JSON.stringify({ pid: dead, host: hostname(), started: '1' }));
    FileLock.acquire(path).release();
    await writeFile(path, JSON.stringify({ pid: dead, host: 'elsewhere', started: '1' }));
    expect(() => FileLock.acquire(path)).toThrow(/elsewhere/);
    await writeFile(path, '');
    expect(() => FileLock.acquire(path)).toThrow(expect.objectContaining({ code: 'ASTARPO_BUSY' }));
    expect(await readdir(folder)).toEqual(['lock']);
  });
});

describe('trajectory files', () => {
  const trajectory: Trajectory = {
    ...{ taskId: 'täsk', sample: 2, seed: 2n ** 64n - 1n, temperature: 0.7, return: 0.25, rewards: { price: 0.25 }, success: false },
    ...{ finish: 'max_turns', agentTurns: 2, sampledTokens: 4, validActions: 1, info: { note: 'x' } },
    contexts: [
      {
        tokens: Int32Array.of(5, 6, 7, 151_935, 9, 10, 11),
        mask: Uint8Array.of(0, 0, 1, 1, 0, 1, 1),
        logps: Float32Array.of(0, 0, -0.1, -1e-7, 0, -12.345678, -3),
        turns: [
          { role: 'environment', start: 0, end: 2, text: 'line\nbreak "quoted"' },
          { role: 'agent', start: 2, end: 4, text: '<a>', reward: 0.25, valid: true, weightsVersion: 3, view: 'policy' },
        ],
      },
    ],
  };

  it('keep everything exactly', async () => {
    const path = join(folder, 'trajectories.jsonl');
    const file = await TrajectoryFile.open(path);
    file.append(trajectory, 7);
    await file.close();
    await saveTrajectories(path, [trajectory, { ...trajectory, seed: 1n }]);
    const found = [];
    for await (const record of readTrajectories(path)) found.push(record);
    expect(found).toEqual([
      { step: 7, trajectory },
      { step: undefined, trajectory },
      { step: undefined, trajectory: { ...trajectory, seed: 1n } },
    ]);
    expect(JSON.parse((await readFile(path, 'utf8')).split('\n')[0] as string).contexts[0].mask).toEqual([
      [2, 2],
      [5, 2],
    ]);
  });

  it('are read up to a torn last line; other damage is named', async () => {
    const path = join(folder, 'trajectories.jsonl');
    await saveTrajectories(path, [trajectory]);
    const line = await readFile(path, 'utf8');
    await writeFile(path, line + line.slice(0, 50));
    const read = async () => {
      let count = 0;
      for await (const _ of readTrajectories(path)) count++;
      return count;
    };
    expect(await read()).toBe(1);
    for (const damage of [
      '{"schema":1}\n',
      'garbage\n',
      line.replace('[5,2]', '[6,2]'),
      line.replace('[5,2]', '[5,1]'),
      line.replace('"schema":1', '"schema":2'),
    ]) {
      await writeFile(path, line + damage);
      await expect(read()).rejects.toMatchObject({ code: 'ASTARPO_DATA', message: expect.stringMatching(/line 2 of/) });
    }
    await rm(path);
    await expect(read()).rejects.toMatchObject({ code: 'ASTARPO_IO' });
  });
});
