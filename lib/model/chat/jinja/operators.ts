import { asInteger, bindArguments, required } from './arguments.ts';
import { formatPercent } from './format-string.ts';
import { codePoints } from './python-text.ts';
import { stringMethod } from './string-methods.ts';
import { TemplateError } from './template-error.ts';
import {
  compare,
  contains,
  type Dict,
  dictKey,
  equal,
  Float,
  itemsOf,
  numberOf,
  orElse,
  PythonFunction,
  PythonObject,
  Tuple,
  toText,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.ts';

/** Operators that take both sides evaluated; and, or are the interpreter's. Throws TemplateError for types that Python refuses. */
export function binary(operator: string, left: Value, right: Value): Value {
  switch (operator) {
    case '==':
      return equal(left, right);
    case '!=':
      return !equal(left, right);
    case '<':
      return compare(left, right) < 0;
    case '<=':
      return compare(left, right) <= 0;
    case '>':
      return compare(left, right) > 0;
    case '>=':
      return compare(left, right) >= 0;
    case 'in':
      return contains(right, left);
    case 'not in':
      return !contains(right, left);
    case '~':
      return toText(left) + toText(right);
    default:
      return arithmetic(operator, left, right);
  }
}

function arithmetic(operator: string, left: Value, right: Value): Value {
  if (left instanceof Undefined) left.refuse();
  if (operator === '%' && typeof left === 'string') return formatPercent(left, right);
  if (right instanceof Undefined) right.refuse();
  if (operator === '+') {
    const joined = concatenate(left, right);
    if (joined !== undefined) return joined;
  }
  if (operator === '*') {
    const repeated = repeat(left, right) ?? repeat(right, left);
    if (repeated !== undefined) return repeated;
  }
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a === undefined || b === undefined) {
    throw new TemplateError(`unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
  }
  const float = left instanceof Float || right instanceof Float || operator === '/' || (operator === '**' && b < 0);
  const result = calculate(operator, a, b);
  return float ? new Float(result) : result;
}

function concatenate(left: Value, right: Value): Value | undefined {
  if (typeof left === 'string' && typeof right === 'string') return left + right;
  if (Array.isArray(left) && Array.isArray(right)) return [...left, ...right];
  return left instanceof Tuple && right instanceof Tuple ? new Tuple([...left.items, ...right.items]) : undefined;
}

function repeat(sequence: Value, times: Value): Value | undefined {
  if (typeof times !== 'number' && typeof times !== 'boolean') return undefined;
  const count = Math.max(0, Number(times));
  if (typeof sequence === 'string') return sequence.repeat(count);
  return Array.isArray(sequence) ? Array.from({ length: count }, () => sequence).flat() : undefined;
}

function calculate(operator: string, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '**':
      return a ** b;
  }
  if (b === 0) throw new TemplateError('division by zero');
  switch (operator) {
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return a - b * Math.floor(a / b);
    default:
      throw new TemplateError(`the operator ${operator} is not known`);
  }
}

export function unary(operator: string, value: Value): Value {
  const number = numberOf(value);
  if (value instanceof Undefined) value.refuse();
  if (number === undefined) throw new TemplateError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const signed = operator === '-' ? -number : number;
  return value instanceof Float ? new Float(signed) : signed + 0;
}

/** `object.name`: an attribute (a method, a variable of a namespace), else the item of that name. */
export function attributeOrItem(object: Value, name: string): Value {
  return orElse(attribute(object, name), () => orElse(item(object, name), () => missing(object, name)));
}

/** `object[key]`: the item, else the attribute of that name. */
export function itemOrAttribute(object: Value, key: Value): Value {
  const named = () => (typeof key === 'string' ? attribute(object, key) : undefined);
  return orElse(item(object, key), () => orElse(named(), () => missing(object, toText(key))));
}

function missing(object: Value, name: string): Undefined {
  if (object instanceof Undefined) object.refuse();
  return new Undefined(`'${typeName(object)} object' has no attribute '${name}'`);
}

function item(object: Value, key: Value): Value | undefined {
  if (object instanceof Map) return Array.isArray(key) || key instanceof Map ? undefined : object.get(dictKey(key));
  if (typeof key !== 'number' && typeof key !== 'boolean') return undefined;
  const items = typeof object === 'string' ? codePoints(object) : object instanceof Tuple ? object.items : object;
  return Array.isArray(items) ? (items as readonly Value[]).at(Number(key)) : undefined;
}

/** `object[start:stop:step]`. */
export function slice(object: Value, start: Value, stop: Value, step: Value): Value {
  const pick = (items: readonly Value[]) => pickSlice(items, start, stop, step);
  if (typeof object === 'string') return pick(codePoints(object)).join('');
  if (Array.isArray(object)) return pick(object);
  if (object instanceof Tuple) return new Tuple(pick(object.items));
  if (object instanceof Undefined) object.refuse();
  throw new TemplateError(`'${typeName(object)}' object cannot be sliced`);
}

function pickSlice(items: readonly Value[], start: Value, stop: Value, step: Value): Value[] {
  const by = step === null ? 1 : asInteger('slice', step);
  if (by === 0) throw new TemplateError('slice step cannot be zero');
  const { length } = items;
  const limit = (value: Value, otherwise: number) => {
    if (value === null) return otherwise;
    const index = asInteger('slice', value);
    const low = by < 0 ? -1 : 0;
    const high = by < 0 ? length - 1 : length;
    return Math.min(high, Math.max(low, index < 0 ? length + index : index));
  };
  const from = limit(start, by < 0 ? length - 1 : 0);
  const to = limit(stop, by < 0 ? -1 : length);
  const picked: Value[] = [];
  for (let i = from; by < 0 ? i > to : i < to; i += by) picked.push(items[i] as Value);
  return picked;
}

/** Methods that would change a list or dict in place: the sandbox of transformers refuses them. */
const mutators = new Set([
  ...['append', 'clear', 'extend', 'insert', 'pop', 'popitem', 'remove', 'reverse', 'setdefault', 'sort', 'update'],
]);

function attribute(object: Value, name: string): Value | undefined {
  if (typeof object === 'string') return stringMethod(object, name);
  if (object instanceof PythonObject) return object.attribute(name);
  if (object instanceof Map) return dictMethod(object, name);
  if (Array.isArray(object) || object instanceof Tuple) return sequenceMethod(object, name);
  return undefined;
}

function dictMethod(dict: Dict, name: string): Value | undefined {
  switch (name) {
    case 'keys':
      return plain(name, () => new View('keys', [...dict.keys()]));
    case 'values':
      return plain(name, () => new View('values', [...dict.values()]));
    case 'items':
      return plain(name, () => new View('items', dictItems(dict)));
    case 'copy':
      return plain(name, () => new Map(dict));
    case 'get':
      return new PythonFunction(name, (args, keywords) => {
        const [key, otherwise] = bindArguments(name, ['key', 'default'], args, keywords);
        return orElse(dict.get(dictKey(required(name, key))), () => orElse(otherwise, () => null));
      });
    default:
      return refused('dict', name);
  }
}

export function dictItems(dict: Dict): Tuple[] {
  return [...dict].map((pair) => new Tuple(pair));
}

function sequenceMethod(sequence: Value[] | Tuple, name: string): Value | undefined {
  if (name === 'count') return new PythonFunction(name, ([one = null]) => itemsOf(sequence).filter((other) => equal(one, other)).length);
  if (name === 'index') {
    return new PythonFunction(name, ([one = null]) => {
      const place = itemsOf(sequence).findIndex((other) => equal(one, other));
      if (place === -1) throw new TemplateError('the value is not in the list');
      return place;
    });
  }
  if (Array.isArray(sequence)) return name === 'copy' ? plain(name, () => [...sequence]) : refused('list', name);
  return undefined;
}

function plain(name: string, call: () => Value): PythonFunction {
  return new PythonFunction(name, (args, keywords) => {
    bindArguments(name, [], args, keywords);
    return call();
  });
}

function refused(type: string, name: string): Undefined | undefined {
  if (!mutators.has(name)) return undefined;
  return new Undefined(`access to attribute '${name}' of '${type}' object is unsafe: it would change it`);
}
