import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readEvaluations } from '../../lib/train/run-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'astarpo-evaluations-'));
afterAll(() => rmSync(folder, { recursive: true }));

const record = {
  step: 0,
  when: 'before',
  result: { episodes: 4, successes: 1, success: 0.25, interval: { lo: 0.05, hi: 0.7 }, score: 0.5 },
  time: '2026-01-01T00:00:00.000Z',
};

it('reads the evaluations of a run, also of one that an earlier version began, and leaves out a line that was not finished', async () => {
  await writeFile(join(folder, 'eval.jsonl'), `${JSON.stringify(record)}\n${JSON.stringify({ ...record, step: 5 })}\n{"step":1`);
  expect((await readEvaluations(folder)).map(({ step }) => step)).toEqual([0, 5]);
  expect(await readEvaluations(join(folder, 'none'))).toEqual([]);
});

it.each([['{"step":'], ['null'], ['{"step":3}'], [JSON.stringify({ ...record, result: { success: 1 } })]])(
  'names the damaged line %s',
  async (line) => {
    await writeFile(join(folder, 'eval.jsonl'), `${JSON.stringify(record)}\n${line}\n`);
    await expect(readEvaluations(folder)).rejects.toMatchObject({
      code: 'ASTARPO_RUN_FOLDER',
      message: expect.stringContaining(`line 2 of ${join(folder, 'eval.jsonl')}`),
      hint: expect.stringContaining('another run folder'),
    });
  },
);
