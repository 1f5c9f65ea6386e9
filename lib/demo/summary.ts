import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatSeconds } from '../log/progress.ts';
import { renderCurves } from '../report/curves.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import type { DemoResult, Rate } from './demo.ts';
import type { DemoSettings } from './settings.ts';

/** The table that the demo ends with. */
export function summaryTable({ before, after, random, scripted, greedy, seconds }: DemoResult): string {
  const rows: (readonly [string, Rate, Rate | undefined])[] = [
    ['random valid actions', random, undefined],
    ['warm start', before, greedy.before],
    ['after A*-PO', after, greedy.after],
    ['scripted shopper', scripted, undefined],
  ];
  const head = `${`held-out success, ${before.n} tasks`.padEnd(32)}${'T = 1'.padStart(8)}   ${'95 % interval'.padEnd(16)}${'greedy'.padStart(8)}`;
  const lines = rows.map(([name, rate, other]) => {
    const interval = `[${points(rate.lo)}, ${points(rate.hi)}]`;
    return `  ${name.padEnd(30)}${points(rate.success).padStart(6)} %   ${interval.padEnd(16)}${other === undefined ? '' : `${points(other.success).padStart(6)} %`}`.trimEnd();
  });
  const total = Object.values(seconds).reduce((sum, value) => sum + value, 0);
  const parts = [
    `set-up ${formatSeconds(seconds.setup)}`,
    `warm start ${formatSeconds(seconds.warmStart)}`,
    `stage 1 ${formatSeconds(seconds.stage1)}`,
    `stage 2 ${formatSeconds(seconds.stage2)}`,
    `evaluation ${formatSeconds(seconds.evaluation)}`,
  ];
  const rise = (after.success - before.success) * 100;
  return [
    head,
    ...lines,
    '',
    `A*-PO: ${rise >= 0 ? '+' : ''}${rise.toFixed(1)} points in ${formatSeconds(total)} (${parts.join(', ')})`,
  ].join('\n');
}

function points(share: number): string {
  return (share * 100).toFixed(1);
}

/** Writes curves.svg from result and metrics.jsonl of a finished demo; returns its path. */
export async function writeCurves(folder: string, result: DemoResult, settings: DemoSettings): Promise<string> {
  const metrics = await readMetrics(join(folder, 'metrics.jsonl'));
  const series = (name: string) => metrics.map(({ step, metrics: values }) => ({ step, value: values[name] ?? Number.NaN }));
  const { before, after, random, scripted, seed } = result;
  const path = join(folder, 'curves.svg');
  const { steps, batch } = settings.stage2;
  const svg = renderCurves({
    title: 'A*-PO in a synthetic shop',
    subtitle: `seed ${seed} · ${steps} steps of ${batch} tasks · one rollout per task · V* from ${settings.stage1.samples} returns of the warm start`,
    panels: [
      {
        kind: 'interval',
        title: 'Success on held-out products',
        caption: `${after.n} tasks, temperature 1, 95 % Wilson interval`,
        rows: [
          { label: 'random', ...random, value: random.success },
          { label: 'warm start', ...before, value: before.success },
          { label: 'after A*-PO', ...after, value: after.success, emphasis: true },
          { label: 'scripted', ...scripted, value: scripted.success },
        ],
      },
      {
        kind: 'curve',
        title: 'Reward',
        caption: `mean return of the ${batch} rollouts of a step, training tasks`,
        points: series('reward/mean'),
        include: [0, 1],
      },
      {
        kind: 'curve',
        title: 'Distance from the reference',
        caption: 'mean of log π/π_ref per sampled token, in nats',
        points: series('logratio/mean'),
        include: [0],
      },
      { kind: 'curve', title: 'Loss', caption: 'mean of (β₂·Δ + V* − r)² over a step', points: series('train/loss'), include: [0] },
    ],
  });
  await writeFileAtomic(path, svg);
  return path;
}

interface MetricsLine {
  readonly step: number;
  readonly metrics: Readonly<Record<string, number | null>>;
}

async function readMetrics(path: string): Promise<{ step: number; metrics: Record<string, number> }[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const { step, metrics } = JSON.parse(line) as MetricsLine;
    // JSON has no NaN: what was not finite comes back as null.
    return { step, metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, value ?? Number.NaN])) };
  });
}
