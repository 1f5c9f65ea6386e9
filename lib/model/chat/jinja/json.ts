import { formatFloat } from './python-float.ts';
import { compareText } from './python-text.ts';
import { TemplateError } from './template-error.ts';
import { Float, numberOf, represent, Tuple, typeName, type Value } from './values.ts';

export interface JsonOptions {
  readonly ensureAscii: boolean;
  /** Spaces, or the text itself, before each level; undefined: one line. */
  readonly indent: string | undefined;
  /** Between items, and between a key and its value. */
  readonly separators: readonly [string, string];
  readonly sortKeys: boolean;
}

/** json.dumps(). Throws TemplateError for what JSON does not have. */
export function dumps(value: Value, options: JsonOptions, depth = 0): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return text(value, options);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number') return represent(value);
  if (value instanceof Float) return float(value.value);
  if (Array.isArray(value) || value instanceof Tuple) {
    const items = Array.isArray(value) ? value : value.items;
    return wrap(
      ['[', ']'],
      items.map((item) => dumps(item, options, depth + 1)),
      options,
      depth,
    );
  }
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => [keyText(key), item] as const);
    if (options.sortKeys) entries.sort((a, b) => compareText(a[0], b[0]));
    const parts = entries.map(([key, item]) => text(key, options) + options.separators[1] + dumps(item, options, depth + 1));
    return wrap(['{', '}'], parts, options, depth);
  }
  throw new TemplateError(`Object of type ${typeName(value)} is not JSON serializable`);
}

function wrap([open, close]: readonly [string, string], parts: readonly string[], options: JsonOptions, depth: number): string {
  if (parts.length === 0) return open + close;
  const { indent, separators } = options;
  if (indent === undefined) return open + parts.join(separators[0]) + close;
  const inner = `\n${indent.repeat(depth + 1)}`;
  return `${open}${inner}${parts.join(separators[0] + inner)}\n${indent.repeat(depth)}${close}`;
}

/**
 * JSON's escapes, and with ensureAscii those of all that is not ASCII but for the noncharacters U+FDD0 to U+FDEF: the chat format
 * brackets the names of special tokens with these and must find them again.
 */
function text(value: string, options: JsonOptions): string {
  const json = JSON.stringify(value);
  if (!options.ensureAscii) return json;
  return json.replace(/[\x7f-\ufdcf\ufdf0-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function float(value: number): string {
  if (Number.isFinite(value)) return formatFloat(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

function keyText(key: Value): string {
  if (typeof key === 'string') return key;
  if (key === null) return 'null';
  if (typeof key === 'boolean') return key ? 'true' : 'false';
  if (numberOf(key) === undefined) throw new TemplateError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
  return represent(key);
}
