import { element, linearScale, niceTicks, text, tickLabel } from './svg.ts';

/** A curve over optimizer steps. Points that are not finite are left out and break the line. */
export interface CurvePanel {
  readonly kind: 'curve';
  readonly title: string;
  /** What the vertical axis shows, in words and units. */
  readonly caption: string;
  readonly points: readonly { readonly step: number; readonly value: number }[];
  /** Show values as percentages of 1, on an axis from 0 to 100 %. */
  readonly percent?: boolean;
  /** Vertical range to show at least. */
  readonly include?: readonly number[];
}

/** Shares with their confidence intervals, one under the other. */
export interface IntervalPanel {
  readonly kind: 'interval';
  readonly title: string;
  readonly caption: string;
  readonly rows: readonly {
    readonly label: string;
    /** All in [0, 1]. */
    readonly value: number;
    readonly lo: number;
    readonly hi: number;
    readonly emphasis?: boolean;
  }[];
}

export type Panel = CurvePanel | IntervalPanel;

const ink = '#1f2430';
const soft = '#6b7280';
const grid = '#e5e7eb';
const accent = '#2563eb';
const muted = '#9ca3af';
const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

const panelWidth = 456;
const panelHeight = 262;
const gap = 16;
const margin = 24;
const header = 72;

/** A self-contained SVG picture: panels two by two under a title. */
export function renderCurves(figure: { readonly title: string; readonly subtitle: string; readonly panels: readonly Panel[] }): string {
  const rows = Math.ceil(figure.panels.length / 2);
  const width = 2 * margin + 2 * panelWidth + gap;
  const height = header + rows * (panelHeight + gap) + margin - gap;
  const panels = figure.panels.map((panel, index) => {
    const x = margin + (index % 2) * (panelWidth + gap);
    const y = header + Math.floor(index / 2) * (panelHeight + gap);
    return element('g', { transform: `translate(${x} ${y})` }, renderPanel(panel));
  });
  const title = text(margin, 34, figure.title, { 'font-size': 20, 'font-weight': 600, fill: ink });
  const subtitle = text(margin, 56, figure.subtitle, { 'font-size': 13, fill: soft });
  const background = element('rect', { width, height, fill: '#f6f7f9' });
  return `${element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      'font-family': font,
      role: 'img',
      'aria-label': figure.title,
    },
    `\n${[background, title, subtitle, ...panels].join('\n')}\n`,
  )}\n`;
}

function renderPanel(panel: Panel): string {
  const card = element('rect', { width: panelWidth, height: panelHeight, rx: 8, fill: '#ffffff', stroke: grid });
  const title = text(20, 30, panel.title, { 'font-size': 14, 'font-weight': 600, fill: ink });
  const caption = text(20, 48, panel.caption, { 'font-size': 11.5, fill: soft });
  return `${card}${title}${caption}${panel.kind === 'curve' ? curveBody(panel) : intervalBody(panel)}`;
}

function curveBody(panel: CurvePanel): string {
  const finite = panel.points.filter((point) => Number.isFinite(point.value));
  if (finite.length === 0) return text(panelWidth / 2, 150, 'no values', { 'text-anchor': 'middle', 'font-size': 12, fill: soft });
  const values = [...finite.map((point) => point.value), ...(panel.include ?? [])];
  const yTicks = panel.percent ? [0, 0.25, 0.5, 0.75, 1] : niceTicks(Math.min(...values), Math.max(...values));
  const xTicks = stepTicks(finite[0]?.step ?? 0, finite.at(-1)?.step ?? 1);
  const label = (value: number) => (panel.percent ? `${Math.round(value * 100)} %` : tickLabel(value, yTicks));
  const left = 20 + 7 * Math.max(...yTicks.map((tick) => label(tick).length)) + 6;
  const [top, bottom, right] = [66, panelHeight - 34, panelWidth - 20];
  const y = linearScale(yTicks[0] ?? 0, yTicks.at(-1) ?? 1, bottom, top);
  const x = linearScale(finite[0]?.step ?? 0, finite.at(-1)?.step ?? 1, left, right);

  const parts = yTicks.map(
    (tick) =>
      element('line', { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: tick === 0 ? '#c5cad3' : grid }) +
      text(left - 8, y(tick) + 4, label(tick), { 'text-anchor': 'end', 'font-size': 11, fill: soft }),
  );
  for (const tick of xTicks) {
    if (x(tick) < right - 36)
      parts.push(text(x(tick), bottom + 18, String(tick), { 'text-anchor': 'middle', 'font-size': 11, fill: soft }));
  }
  parts.push(text(right, bottom + 18, `step ${finite.at(-1)?.step ?? 0}`, { 'text-anchor': 'end', 'font-size': 11, fill: soft }));
  const window = smoothingWindow(panel.points.length);
  if (window > 1) parts.push(polyline(panel.points, x, y, { stroke: '#bfd3fb', 'stroke-width': 1.2 }));
  const smooth = window > 1 ? movingMean(panel.points, window) : panel.points;
  parts.push(polyline(smooth, x, y, { stroke: accent, 'stroke-width': 2.2 }));
  const last = smooth.findLast((point) => Number.isFinite(point.value));
  if (last !== undefined) parts.push(element('circle', { cx: x(last.step), cy: y(last.value), r: 3.2, fill: accent }));
  if (window > 1) {
    const note = `each step, and the mean of ${window}`;
    parts.push(text(right, 30, note, { 'text-anchor': 'end', 'font-size': 11, fill: muted }));
  }
  return parts.join('');
}

function intervalBody(panel: IntervalPanel): string {
  const [left, right, top] = [132, panelWidth - 78, 70];
  const bottom = panelHeight - 34;
  const x = linearScale(0, 1, left, right);
  const rowHeight = (bottom - top) / Math.max(1, panel.rows.length);
  const parts = [0, 0.25, 0.5, 0.75, 1].map(
    (tick) =>
      element('line', { x1: x(tick), x2: x(tick), y1: top, y2: bottom, stroke: tick === 0 ? '#c5cad3' : grid }) +
      text(x(tick), bottom + 18, `${tick * 100} %`, { 'text-anchor': 'middle', 'font-size': 11, fill: soft }),
  );
  panel.rows.forEach((row, index) => {
    const y = top + rowHeight * (index + 0.5);
    const color = row.emphasis ? accent : muted;
    const weight = row.emphasis ? 600 : 400;
    const bar = Math.min(18, rowHeight * 0.5);
    parts.push(
      text(left - 12, y + 4, row.label, { 'text-anchor': 'end', 'font-size': 12, 'font-weight': weight, fill: ink }),
      element('rect', {
        x: left,
        y: y - bar / 2,
        width: Math.max(1, x(row.value) - left),
        height: bar,
        rx: 2,
        fill: color,
        opacity: row.emphasis ? 0.9 : 0.55,
      }),
      element('line', { x1: x(row.lo), x2: x(row.hi), y1: y, y2: y, stroke: ink, 'stroke-width': 1.4 }),
      whisker(x(row.lo), y),
      whisker(x(row.hi), y),
      text(right + 12, y + 4, percent(row.value), { 'font-size': 12, 'font-weight': weight, fill: ink }),
    );
  });
  return parts.join('');
}

function whisker(x: number, y: number): string {
  return element('line', { x1: x, x2: x, y1: y - 4, y2: y + 4, stroke: ink, 'stroke-width': 1.4 });
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}

function stepTicks(first: number, last: number): number[] {
  return niceTicks(first, Math.max(last, first + 1), 5).filter((tick) => Number.isInteger(tick) && tick >= first && tick <= last);
}

function smoothingWindow(length: number): number {
  return length < 24 ? 1 : length < 100 ? 5 : 9;
}

function movingMean(points: CurvePanel['points'], window: number): CurvePanel['points'] {
  const half = Math.floor(window / 2);
  return points.map((point, index) => {
    const near = points.slice(Math.max(0, index - half), index + half + 1).filter((other) => Number.isFinite(other.value));
    return { step: point.step, value: near.reduce((sum, other) => sum + other.value, 0) / near.length };
  });
}

function polyline(
  points: CurvePanel['points'],
  x: (v: number) => number,
  y: (v: number) => number,
  style: Readonly<Record<string, string | number>>,
): string {
  let path = '';
  let broken = true;
  for (const point of points) {
    if (Number.isFinite(point.value)) path += `${broken ? 'M' : 'L'}${x(point.step).toFixed(1)} ${y(point.value).toFixed(1)}`;
    broken = !Number.isFinite(point.value);
  }
  return element('path', { d: path, fill: 'none', 'stroke-linejoin': 'round', 'stroke-linecap': 'round', ...style });
}
