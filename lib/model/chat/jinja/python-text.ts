/*
 * Python's view of text: a string is a sequence of code points, and its white space is not quite JavaScript's (U+001C to U+001F and
 * U+0085 belong to it, U+FEFF does not).
 */

/** What str.isspace() is true for, as the inside of a character class. */
export const spaceClass = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const spacesLeft = new RegExp(`^[${spaceClass}]+`);
const onlySpaces = new RegExp(`^[${spaceClass}]+$`);
const spaceRun = new RegExp(`[${spaceClass}]+`);
const surrogate = /[\ud800-\udfff]/;
const spaceSet = new RegExp(`[${spaceClass}]`);

export function isSpace(text: string): boolean {
  return onlySpaces.test(text);
}

export function codePoints(text: string): string[] {
  return surrogate.test(text) ? Array.from(text) : text.split('');
}

export function codePointLength(text: string): number {
  return surrogate.test(text) ? Array.from(text).length : text.length;
}

/** Order of two strings by code points: where JavaScript compares UTF-16 units, a character beyond U+FFFF may come too early. */
export function compareText(a: string, b: string): number {
  const [left, right] = [codePoints(a), codePoints(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i] as string).codePointAt(0) as number;
    const other = (right[i] as string).codePointAt(0) as number;
    if (difference !== other) return difference - other;
  }
  return left.length - right.length;
}

/** `characters`: what to strip; undefined is white space. */
export function stripLeft(text: string, characters?: string): string {
  if (characters === undefined) return text.replace(spacesLeft, '');
  const set = new Set(codePoints(characters));
  const points = codePoints(text);
  let start = 0;
  while (start < points.length && set.has(points[start] as string)) start++;
  return points.slice(start).join('');
}

export function stripRight(text: string, characters?: string): string {
  // A regular expression anchored at the end would try every run of spaces inside a long text.
  const strips = characters === undefined ? (point: string) => spaceSet.test(point) : setOf(characters);
  const points = codePoints(text);
  let end = points.length;
  while (end > 0 && strips(points[end - 1] as string)) end--;
  return end === points.length ? text : points.slice(0, end).join('');
}

export function strip(text: string, characters?: string): string {
  return stripRight(stripLeft(text, characters), characters);
}

function setOf(characters: string): (point: string) => boolean {
  const set = new Set(codePoints(characters));
  return (point) => set.has(point);
}

/** str.split: without a separator at runs of white space, with none at the ends. `limit` -1: no limit. */
export function split(text: string, separator: string | undefined, limit: number): string[] {
  if (separator === undefined) return splitSpaces(text, limit);
  const parts = text.split(separator);
  return limit < 0 || parts.length <= limit + 1 ? parts : [...parts.slice(0, limit), parts.slice(limit).join(separator)];
}

function splitSpaces(text: string, limit: number): string[] {
  const parts: string[] = [];
  let rest = stripLeft(text);
  while (rest !== '') {
    const gap = limit >= 0 && parts.length >= limit ? undefined : spaceRun.exec(rest);
    if (gap === undefined || gap === null) {
      parts.push(rest);
      break;
    }
    parts.push(rest.slice(0, gap.index));
    rest = rest.slice(gap.index + gap[0].length);
  }
  return parts;
}

/** str.rsplit. */
export function splitFromRight(text: string, separator: string | undefined, limit: number): string[] {
  if (limit < 0) return split(text, separator, -1);
  if (separator !== undefined) {
    const parts = text.split(separator);
    const head = Math.max(0, parts.length - limit);
    return head === 0 ? parts : [parts.slice(0, head).join(separator), ...parts.slice(head)];
  }
  const parts: string[] = [];
  let rest = stripRight(text);
  while (rest !== '') {
    const gap = parts.length >= limit ? undefined : lastSpaceRun(rest);
    if (gap === undefined) {
      parts.unshift(rest);
      break;
    }
    parts.unshift(rest.slice(gap.end));
    rest = rest.slice(0, gap.start);
  }
  return parts;
}

function lastSpaceRun(text: string): { start: number; end: number } | undefined {
  let end = text.length;
  while (end > 0 && !spaceSet.test(text[end - 1] as string)) end--;
  if (end === 0) return undefined;
  let start = end;
  while (start > 0 && spaceSet.test(text[start - 1] as string)) start--;
  return { start, end };
}

const lineBreaks = '\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029';
const lineEnd = new RegExp(`\\r\\n|[${lineBreaks}]`, 'g');

/** str.splitlines. */
export function splitLines(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(lineEnd)) {
    lines.push(text.slice(start, keepEnds ? index + end.length : index));
    start = index + end.length;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

export function replaceText(text: string, old: string, replacement: string, count: number): string {
  if (count === 0) return text;
  if (old === '') {
    const points = codePoints(text);
    const times = count < 0 ? points.length + 1 : Math.min(count, points.length + 1);
    return points.map((point, i) => (i < times ? replacement + point : point)).join('') + (times > points.length ? replacement : '');
  }
  if (count < 0) return text.replaceAll(old, () => replacement);
  const parts = text.split(old);
  const head = parts.slice(0, count + 1).join(replacement);
  return [head, ...parts.slice(count + 1)].join(old);
}

/** str.title: every letter after a non-letter is upper case, every other lower case. */
export function titleCase(text: string): string {
  return text.replace(/\p{L}+/gu, (word) => capitalize(word));
}

/** First character upper case, the rest lower case. */
export function capitalize(text: string): string {
  const [first = '', ...rest] = codePoints(text);
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** repr() of a string: single quotes unless only those occur inside. */
export function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = codePoints(text).map((point) => {
    if (point === '\\' || point === mark) return `\\${point}`;
    const named = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[point];
    if (named !== undefined) return named;
    if (point === ' ' || !/[\p{C}\p{Z}]/u.test(point)) return point;
    const hex = (point.codePointAt(0) as number).toString(16);
    return hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return mark + body.join('') + mark;
}
