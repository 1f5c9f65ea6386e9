/** One SVG element as text; attribute values are escaped. */
export function element(name: string, attributes: Readonly<Record<string, string | number>>, content = ''): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === 'number' ? short(value) : escapeXml(value)}"`,
  );
  return content === '' ? `<${name}${written.join('')}/>` : `<${name}${written.join('')}>${content}</${name}>`;
}

export function text(x: number, y: number, content: string, attributes: Readonly<Record<string, string | number>> = {}): string {
  return element('text', { x, y, ...attributes }, escapeXml(content));
}

export function escapeXml(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Two decimals at most: a tenth of a pixel is enough, and files stay small. */
function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Maps [from, to] to pixels [start, end]. */
export function linearScale(from: number, to: number, start: number, end: number): (value: number) => number {
  const span = to === from ? 1 : to - from;
  return (value) => start + ((value - from) / span) * (end - start);
}

/** About `wanted` round values (1, 2 or 5 times a power of ten) that cover [from, to]. */
export function niceTicks(from: number, to: number, wanted = 4): number[] {
  if (!Number.isFinite(from) || !Number.isFinite(to)) return [0, 1];
  if (from === to) return niceTicks(from - Math.max(0.5, Math.abs(from) / 2), to + Math.max(0.5, Math.abs(to) / 2), wanted);
  const raw = (to - from) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const fraction = raw / power;
  const step = power * (fraction <= 1 ? 1 : fraction <= 2 ? 2 : fraction <= 5 ? 5 : 10);
  const ticks: number[] = [];
  for (let index = Math.floor(from / step + 1e-9); index * step < to + step * (1 - 1e-9); index++) ticks.push(index * step);
  return ticks;
}

/** Digits that tell neighbouring ticks apart. */
export function tickLabel(value: number, ticks: readonly number[]): string {
  const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0));
  const magnitude = Math.max(...ticks.map(Math.abs));
  if (magnitude >= 1e5 || (magnitude > 0 && magnitude < 1e-3)) return Number(value.toPrecision(3)).toExponential().replace('e+', 'e');
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return value.toFixed(digits);
}
