import type { JsonValue } from '../../../util/json.ts';
import { formatFloat } from './python-float.ts';
import { codePointLength, codePoints, compareText, quote } from './python-text.ts';
import { TemplateError } from './template-error.ts';

/**
 * What a template computes with: Python's values. Integers are numbers, floats are wrapped, so that `1` and `1.0` print as Python
 * prints them; `true` equals 1; text is a sequence of code points.
 */
export type Value = string | number | boolean | null | Float | Undefined | Value[] | Tuple | Dict | Lazy | View | PythonObject;

export type Dict = Map<Value, Value>;

export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** What a name without a value is: prints as nothing, and refuses most else. */
export class Undefined {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }

  refuse(): never {
    throw new TemplateError(this.message);
  }
}

export class Tuple {
  readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

/** keys(), values() and items() of a dict. */
export class View {
  readonly kind: 'keys' | 'values' | 'items';
  readonly items: readonly Value[];

  constructor(kind: 'keys' | 'values' | 'items', items: readonly Value[]) {
    this.kind = kind;
    this.items = items;
  }
}

/** A generator, as `map` and `select` give it: it can be gone through once, and has no length. */
export class Lazy {
  #items: Value[];

  constructor(items: Value[]) {
    this.#items = items;
  }

  take(): Value[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
}

/** A thing with attributes. */
export abstract class PythonObject {
  abstract readonly typeName: string;

  attribute(_name: string): Value | undefined {
    return undefined;
  }
}

export type Keywords = ReadonlyMap<string, Value>;

export class PythonFunction extends PythonObject {
  readonly typeName = 'function';
  readonly name: string;
  readonly call: (args: readonly Value[], keywords: Keywords) => Value;

  constructor(name: string, call: (args: readonly Value[], keywords: Keywords) => Value) {
    super();
    this.name = name;
    this.call = call;
  }
}

/** The value, or another where there is none: None is a value, so that `??` would not do. */
export function orElse(value: Value | undefined, otherwise: () => Value): Value {
  return value === undefined ? otherwise() : value;
}

/** Lone surrogates become U+FFFD, as everywhere before text meets a tokenizer. */
export function fromJson(value: JsonValue | undefined): Value {
  if (value === undefined) return null;
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('utf8');
  if (typeof value === 'number') return Number.isInteger(value) ? value : new Float(value);
  if (typeof value === 'boolean' || value === null) return value;
  if (Array.isArray(value)) return value.map(fromJson);
  return new Map(Object.entries(value).map(([key, item]) => [fromJson(key), fromJson(item)]));
}

export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'string') return 'str';
  if (typeof value === 'number') return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (value instanceof Float) return 'float';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Map) return 'dict';
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof View) return `dict_${value.kind}`;
  if (value instanceof Lazy) return 'generator';
  return value instanceof Undefined ? 'Undefined' : value.typeName;
}

export function isTrue(value: Value): boolean {
  if (typeof value === 'object' && value !== null) {
    if (value instanceof Float) return value.value !== 0;
    if (value instanceof Lazy || value instanceof PythonObject) return true;
    return lengthOf(value) > 0;
  }
  return Boolean(value);
}

/** len(). */
export function lengthOf(value: Value): number {
  if (typeof value === 'string') return codePointLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  if (value instanceof Tuple || value instanceof View) return value.items.length;
  if (value instanceof Undefined) return 0;
  throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
}

/** The items that a loop sees: characters of a string, keys of a dict, nothing of what is undefined. */
export function itemsOf(value: Value): readonly Value[] {
  if (typeof value === 'string') return codePoints(value);
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.keys()];
  if (value instanceof Tuple || value instanceof View) return value.items;
  if (value instanceof Lazy) return value.take();
  if (value instanceof Undefined) return [];
  throw new TemplateError(`'${typeName(value)}' object is not iterable`);
}

/** str(). */
export function toText(value: Value): string {
  if (typeof value === 'string') return value;
  return value instanceof Undefined ? '' : represent(value);
}

/** repr(). */
export function represent(value: Value): string {
  if (typeof value === 'string') return quote(value);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString();
  if (value instanceof Float) return formatFloat(value.value);
  if (Array.isArray(value)) return `[${value.map(represent).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${represent(key)}: ${represent(item)}`).join(', ')}}`;
  if (value instanceof Tuple) return `(${value.items.map(represent).join(', ')}${value.items.length === 1 ? ',' : ''})`;
  if (value instanceof View) return `dict_${value.kind}([${value.items.map(represent).join(', ')}])`;
  if (value instanceof Undefined) return 'Undefined';
  throw new TemplateError(`a ${typeName(value)} object has no text of its own`);
}

/** The number behind an int, a float or a bool; undefined for everything else. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value instanceof Float ? value.value : undefined;
}

/** ==. */
export function equal(a: Value, b: Value): boolean {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== undefined || right !== undefined) return left === right;
  if (Array.isArray(a) && Array.isArray(b)) return equalItems(a, b);
  if (a instanceof Tuple && b instanceof Tuple) return equalItems(a.items, b.items);
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && equal(value, b.get(key) as Value));
  }
  if (a instanceof Undefined && b instanceof Undefined) return true;
  return a === b;
}

function equalItems(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((item, i) => equal(item, b[i] as Value));
}

/** Negative, 0 or positive, as <, == and > have it. Throws TemplateError for what Python does not order. */
export function compare(a: Value, b: Value): number {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== undefined && right !== undefined) return left - right;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (a instanceof Undefined) a.refuse();
  if (b instanceof Undefined) b.refuse();
  const [first, second] = [sequenceOf(a), sequenceOf(b)];
  if (first === undefined || second === undefined || typeName(a) !== typeName(b)) {
    throw new TemplateError(`'<' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
  }
  for (let i = 0; i < Math.min(first.length, second.length); i++) {
    if (!equal(first[i] as Value, second[i] as Value)) return compare(first[i] as Value, second[i] as Value);
  }
  return first.length - second.length;
}

function sequenceOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : undefined;
}

/** `item in container`. */
export function contains(container: Value, item: Value): boolean {
  if (typeof container === 'string') {
    if (typeof item !== 'string') throw new TemplateError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    return container.includes(item);
  }
  if (container instanceof Map) return container.has(dictKey(item));
  if (container === null || typeof container !== 'object' || container instanceof Float || container instanceof PythonObject) {
    throw new TemplateError(`argument of type '${typeName(container)}' is not iterable`);
  }
  return itemsOf(container).some((one) => equal(one, item));
}

/** The form under which a dict files a key: 1 and 1.0 are one key. */
export function dictKey(value: Value): Value {
  if (Array.isArray(value) || value instanceof Map) throw new TemplateError(`unhashable type: '${typeName(value)}'`);
  return value instanceof Float ? value.value : value;
}
