import { asInteger, asNumber, asOptionalText } from './arguments.ts';
import { type FilterTable, filter } from './filter-table.ts';
import { strip } from './python-text.ts';
import { TemplateError } from './template-error.ts';
import { Float, numberOf, type Value } from './values.ts';

/** Filters of jinja2 that give numbers. */
export const numberFilters: FilterTable = {
  abs: filter([], (value) => (value instanceof Float ? new Float(Math.abs(value.value)) : Math.abs(asInteger('abs', value)))),
  float: filter(['default'], (value, fallback = new Float(0)) => toFloat(value) ?? fallback),
  int: filter(['default', 'base'], (value, fallback = 0, base) => toInteger(value, asInteger('int', base, 10)) ?? fallback),
  round: filter(['precision', 'method'], (value, precision, method) =>
    round(value, asInteger('round', precision, 0), asOptionalText('round', method) ?? 'common'),
  ),
};

/** round(): halves go to the even neighbour, as in Python. */
function round(value: Value, precision: number, method: string): Value {
  const number = asNumber('round', value);
  const scale = 10 ** precision;
  if (method === 'ceil' || method === 'floor') return new Float(Math[method](number * scale) / scale);
  if (method !== 'common') throw new TemplateError('method must be common, ceil or floor');
  if (!(value instanceof Float)) return precision >= 0 ? number : roundHalfEven(number * scale) / scale;
  if (precision > 0) return new Float(Number(number.toFixed(Math.min(100, precision))));
  return new Float(roundHalfEven(number * scale) / scale);
}

function roundHalfEven(number: number): number {
  const floor = Math.floor(number);
  const rest = number - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

function toFloat(value: Value): Float | undefined {
  const number = numberOf(value);
  if (number !== undefined) return new Float(number);
  if (typeof value !== 'string') return undefined;
  const text = strip(value).replace(/(?<=\d)_(?=\d)/g, '');
  if (/^[-+]?(?:inf|infinity)$/i.test(text)) return new Float(text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text) ? new Float(Number(text)) : undefined;
}

function toInteger(value: Value, base: number): number | undefined {
  const number = numberOf(value);
  if (number !== undefined) return Number.isFinite(number) ? Math.trunc(number) + 0 : undefined;
  if (typeof value !== 'string') return undefined;
  const text = strip(value).replace(/(?<=\d)_(?=\d)/g, '');
  if (base === 10) {
    const float = toFloat(value)?.value;
    return float === undefined || !Number.isFinite(float) ? undefined : Math.trunc(float) + 0;
  }
  const digits = text.replace(/^([-+]?)0[xob]/i, '$1');
  const parsed = Number.parseInt(digits, base);
  return Number.isNaN(parsed) || !/^[-+]?[\da-z]+$/i.test(digits) ? undefined : parsed;
}
