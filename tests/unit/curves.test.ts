import { describe, expect, it } from 'vitest';
import { renderCurves } from '../../lib/report/curves.ts';
import { linearScale, niceTicks, tickLabel } from '../../lib/report/svg.ts';

describe('ticks', () => {
  it('are round and cover the values', () => {
    expect(niceTicks(0, 1)).toEqual([0, 0.5, 1]);
    expect(niceTicks(0, 150, 5)).toEqual([0, 50, 100, 150]);
    for (const [from, to] of [
      [-3.2, 7.7],
      [0.001, 0.0042],
      [5, 5],
      [-1, 0],
      [1e6, 3e7],
    ] as const) {
      const ticks = niceTicks(from, to);
      expect(ticks[0]).toBeLessThanOrEqual(from);
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(to);
      expect(ticks.length).toBeLessThan(9);
      expect(new Set(ticks.map((tick) => tickLabel(tick, ticks))).size).toBe(ticks.length);
    }
  });
});

describe('renderCurves', () => {
  const panels = [
    {
      kind: 'interval',
      title: 'Success',
      caption: 'T < 1 & "quoted"',
      rows: [{ label: 'after', value: 0.5, lo: 0.25, hi: 0.75, emphasis: true }],
    },
    {
      kind: 'curve',
      title: 'Reward',
      caption: 'mean',
      points: [1, 2, 3, 4].map((step) => ({ step, value: step === 2 ? Number.NaN : step })),
    },
    { kind: 'curve', title: 'Empty', caption: 'none', points: [] },
  ] as const;
  const svg = renderCurves({ title: 'A*-PO', subtitle: 'seed 1', panels });

  it('escapes text and holds no number that is not finite', () => {
    expect(svg).toContain('T &lt; 1 &amp; &quot;quoted&quot;');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg).toContain('no values');
  });

  it('breaks the line where a value is missing', () => {
    const path = /<path d="([^"]+)"/.exec(svg)?.[1] ?? '';
    expect(path.match(/M/g)).toHaveLength(2);
  });

  it('draws the interval to scale', () => {
    const widths = [...svg.matchAll(/<line x1="([\d.]+)" x2="([\d.]+)" y1="[\d.]+" y2="[\d.]+" stroke="#1f2430"/g)];
    const [lo, hi] = [Number(widths[0]?.[1]), Number(widths[0]?.[2])];
    const bar = /<rect x="([\d.]+)"[^>]*width="([\d.]+)"[^>]*rx="2"/.exec(svg);
    expect((lo + hi) / 2).toBeCloseTo(Number(bar?.[1]) + Number(bar?.[2]), 1);
    expect(hi - lo).toBeCloseTo(Number(bar?.[2]), 1);
  });
});

describe('linearScale', () => {
  it('maps ends to ends and survives an empty range', () => {
    const scale = linearScale(1, 3, 10, 20);
    expect([scale(1), scale(2), scale(3)]).toEqual([10, 15, 20]);
    expect(linearScale(1, 1, 10, 20)(1)).toBe(10);
  });
});
