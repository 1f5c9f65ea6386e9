import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PhaseLog } from '../../lib/demo/phases.ts';
import { isAStarPOError } from '../../lib/errors.ts';

const folder = () => mkdtemp(join(tmpdir(), 'astarpo-phases-'));

describe('PhaseLog', () => {
  it('does each part once, over processes', async () => {
    const place = await folder();
    let calls = 0;
    const work = async () => ({ rate: ++calls });
    const first = await PhaseLog.open(place);
    expect(await first.once('before', 'evaluation', work)).toEqual({ rate: 1 });
    const second = await PhaseLog.open(place);
    expect(await second.once('before', 'evaluation', work)).toEqual({ rate: 1 });
    expect(calls).toBe(1);
    expect(second.seconds.evaluation).toBeGreaterThan(0);
    expect(second.seconds.evaluation).toBe(first.seconds.evaluation);
  });

  it('keeps the time of what failed, and not its result', async () => {
    const place = await folder();
    const log = await PhaseLog.open(place);
    await expect(log.once('after', 'stage2', () => Promise.reject(new Error('stopped')))).rejects.toThrow('stopped');
    await log.add('stage2', 100);
    const again = await PhaseLog.open(place);
    expect(again.seconds.stage2).toBeGreaterThan(100);
    expect(again.seconds.stage1).toBe(0);
    expect(await again.once('after', 'stage2', async () => 5)).toBe(5);
  });

  it('refuses a damaged file', async () => {
    const place = await folder();
    await writeFile(join(place, 'phases.json'), '{');
    await expect(PhaseLog.open(place)).rejects.toSatisfy((error) => isAStarPOError(error, 'ASTARPO_CHECKPOINT'));
  });
});
