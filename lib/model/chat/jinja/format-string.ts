import { formatFloat } from './python-float.ts';
import { codePointLength, codePoints } from './python-text.ts';
import { TemplateError } from './template-error.ts';
import { Float, type Keywords, numberOf, represent, Tuple, toText, typeName, Undefined, type Value } from './values.ts';

/** `text % value`: %s, %r, %d, %i, %f, %e, %x, %o, %c and %%, with flags, width and precision. */
export function formatPercent(text: string, value: Value): string {
  const named = value instanceof Map;
  const values = value instanceof Tuple ? value.items : [value];
  let used = 0;
  const result = text.replace(
    /%(?:\(([^)]*)\))?([-+ 0#]*)(\d*)(?:\.(\d+))?(.?)/gs,
    (whole, key: string | undefined, flags: string, width: string, precision: string | undefined, kind: string) => {
      if (kind === '%') return '%';
      if (kind === '') throw new TemplateError('incomplete format');
      const item = key === undefined ? values[used++] : named ? value.get(key) : undefined;
      if (item === undefined) throw new TemplateError(`not enough arguments for format string: ${whole}`);
      const body = convert(item, kind, precision === undefined ? undefined : Number(precision), flags);
      return align(body, Number(width), flags.includes('-') ? '<' : flags.includes('0') && !/[src]/.test(kind) ? '=' : '>', ' ');
    },
  );
  if (!named && used < values.length) throw new TemplateError('not all arguments converted during string formatting');
  return result;
}

function convert(item: Value, kind: string, precision: number | undefined, flags: string): string {
  if (kind === 's' || kind === 'r') {
    const text = kind === 's' ? toText(item) : represent(item);
    return precision === undefined ? text : codePoints(text).slice(0, precision).join('');
  }
  if (kind === 'c' && typeof item === 'string') return item;
  if (item instanceof Undefined) item.refuse();
  const number = numberOf(item);
  if (number === undefined) throw new TemplateError(`%${kind} format: a number is required, not ${typeName(item)}`);
  const sign = number < 0 ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  return sign + magnitude(Math.abs(number), kind, precision);
}

function magnitude(number: number, kind: string, precision: number | undefined): string {
  switch (kind) {
    case 'd':
    case 'i':
    case 'u':
      return String(Math.trunc(number));
    case 'x':
      return Math.trunc(number).toString(16);
    case 'X':
      return Math.trunc(number).toString(16).toUpperCase();
    case 'o':
      return Math.trunc(number).toString(8);
    case 'f':
    case 'F':
      return number.toFixed(precision ?? 6);
    case 'e':
      return number.toExponential(precision ?? 6).replace(/e([-+])(\d)$/, 'e$10$2');
    default:
      throw new TemplateError(`unsupported format character '${kind}'`);
  }
}

function align(text: string, width: number, where: string, fill: string): string {
  const gap = fill.repeat(Math.max(0, width - codePointLength(text)));
  if (where === '<') return text + gap;
  if (where === '^') return gap.slice(0, gap.length >> 1) + text + gap.slice(gap.length >> 1);
  if (where === '>') return gap + text;
  const sign = /^[-+ ]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(gap.length) + text.slice(sign.length);
}

/** `text.format(…)` with {} {0} {name}, !s and !r, and the specs of text and numbers. Attributes of an argument are not looked up. */
export function formatBraces(text: string, args: readonly Value[], keywords: Keywords): string {
  const numbered = new Set<boolean>();
  let next = 0;
  return text.replace(
    /\{\{|\}\}|\{([^{}!:]*)(?:!([rs]))?(?::([^{}]*))?\}|[{}]/g,
    (whole, name: string | undefined, conversion: string | undefined, spec: string | undefined) => {
      if (whole === '{{' || whole === '}}') return whole[0] as string;
      if (name === undefined) throw new TemplateError(`Single '${whole}' encountered in format string`);
      if (/^\d*$/.test(name)) numbered.add(name !== '');
      if (numbered.size > 1) throw new TemplateError('format(): {} and {0} do not go together');
      const item = name === '' ? args[next++] : /^\d+$/.test(name) ? args[Number(name)] : keywords.get(name);
      if (item === undefined) throw new TemplateError(`format(): no argument for ${whole}`);
      const value = conversion === 'r' ? represent(item) : conversion === 's' ? toText(item) : item;
      return applySpec(value, spec ?? '');
    },
  );
}

/** Python's format specification: [[fill]align][sign][0][width][.precision][type]. */
function applySpec(value: Value, spec: string): string {
  if (spec === '') return toText(value);
  const parsed = /^(?:(.)?([<>^=]))?([-+ ]?)(0?)(\d*)(?:\.(\d+))?([sdfFexXo]?)$/su.exec(spec);
  if (parsed === null) throw new TemplateError(`format(): the specification '${spec}' is not supported`);
  const [, fill = ' ', where, sign, zero, width, precision, kind] = parsed;
  const isNumber = numberOf(value) !== undefined && kind !== 's';
  const fallback = value instanceof Float ? (precision === undefined ? '' : 'f') : 'd';
  const type = kind === undefined || kind === '' ? (isNumber ? fallback : 's') : kind;
  const body =
    type === ''
      ? formatFloat((value as Float).value)
      : convert(value, type, precision === undefined ? undefined : Number(precision), sign ?? '');
  return align(body, Number(width), where ?? (zero === '0' ? '=' : isNumber ? '>' : '<'), fill);
}
