import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DemoResult } from '../../lib/demo/demo.ts';
import { quickDemo } from '../../lib/demo/settings.ts';
import { isVolatileMetric } from '../../lib/train/batch-metrics.ts';
import { interrupt, lines, succeed } from './command.ts';

const demo = (folder: string) => ['demo', '--quick', '--seed', '3', '--out', folder];

/** metrics.jsonl without what two equal runs may differ in. */
function stableMetrics(folder: string): unknown[] {
  return lines(join(folder, 'metrics.jsonl')).map((line) => {
    const { step, skipped, metrics } = JSON.parse(line) as { step: number; skipped?: string; metrics: Record<string, number> };
    return { step, skipped, metrics: Object.fromEntries(Object.entries(metrics).filter(([name]) => !isVolatileMetric(name))) };
  });
}

function rates(folder: string): Omit<DemoResult, 'seconds'> {
  const { seconds, ...rest } = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as DemoResult;
  for (const value of Object.values(seconds)) expect(value).toBeGreaterThan(0);
  return rest;
}

describe('the demo, at a size that learns nothing', () => {
  it('ends with the same figures however often it was stopped', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'astarpo-demo-'));
    const whole = join(parent, 'whole');
    const { out } = await succeed(demo(whole));
    expect(out).toContain('after A*-PO');
    expect(readFileSync(join(whole, 'curves.svg'), 'utf8')).toContain('</svg>');
    expect(stableMetrics(whole)).toHaveLength(quickDemo.stage2.steps);

    const stopped = join(parent, 'stopped');
    const store = join(stopped, 'vstar.jsonl');
    const metrics = join(stopped, 'metrics.jsonl');
    // In the warm start, in stage 1 and twice in stage 2.
    await interrupt(demo(stopped), () => existsSync(join(stopped, 'warm-start.unfinished')), 'SIGINT');
    expect((await interrupt(demo(stopped), () => lines(store).length > 20, 'SIGKILL')).signal).toBe('SIGKILL');
    const drawn = lines(store).slice(1);
    const interrupted = await interrupt(demo(stopped), () => lines(metrics).length >= 1, 'SIGINT');
    expect(interrupted.status).toBe(130);
    expect(interrupted.err).toContain('The same command continues');
    await interrupt(demo(stopped), () => lines(metrics).length >= 3, 'SIGKILL');
    await succeed(demo(stopped));

    expect(stableMetrics(stopped)).toEqual(stableMetrics(whole));
    expect(rates(stopped)).toEqual(rates(whole));
    const samples = lines(store).slice(1);
    expect(samples.slice(0, drawn.length)).toEqual(drawn);
    expect(samples).toHaveLength(quickDemo.stage1.tasks * quickDemo.stage1.samples);

    // After a finished run the same command starts a new one.
    await interrupt(demo(stopped), () => existsSync(`${stopped}-2`), 'SIGKILL');
    expect(existsSync(`${stopped}-2`)).toBe(true);
  }, 180_000);
});
