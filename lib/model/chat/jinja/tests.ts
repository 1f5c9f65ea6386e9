import { asInteger, asNumber, required } from './arguments.ts';
import { stringMethod } from './string-methods.ts';
import { TemplateError } from './template-error.ts';
import {
  compare,
  contains,
  equal,
  Float,
  isTrue,
  type Keywords,
  Lazy,
  PythonFunction,
  Tuple,
  toText,
  Undefined,
  type Value,
  View,
} from './values.ts';

type Test = (value: Value, other?: Value) => boolean;

const equals: Test = (value, other) => equal(value, required('eq', other));
const differs: Test = (value, other) => !equal(value, required('ne', other));
const less: Test = (value, other) => compare(value, required('lt', other)) < 0;
const atMost: Test = (value, other) => compare(value, required('le', other)) <= 0;
const greater: Test = (value, other) => compare(value, required('gt', other)) > 0;
const atLeast: Test = (value, other) => compare(value, required('ge', other)) >= 0;
const none: ReadonlyMap<string, Value> = new Map();

const isSized = (value: Value) => typeof value === 'string' || Array.isArray(value) || value instanceof Map || value instanceof Tuple;
const isInteger = (value: Value) => typeof value === 'number';
const isCase = (value: Value, method: 'islower' | 'isupper') => isTrue(stringMethod(toText(value), method)?.call([], none) ?? false);
const remainder = (name: string, value: Value, by: number) => {
  const number = asNumber(name, value);
  return number - by * Math.floor(number / by);
};

/** The tests of jinja2: `value is NAME`, `value is NAME(other)`. */
const tests: Readonly<Record<string, Test>> = {
  boolean: (value) => typeof value === 'boolean',
  callable: (value) => value instanceof PythonFunction || value instanceof Undefined,
  defined: (value) => !(value instanceof Undefined),
  divisibleby: (value, other) => remainder('divisibleby', value, asInteger('divisibleby', other)) === 0,
  even: (value) => remainder('even', value, 2) === 0,
  false: (value) => value === false,
  float: (value) => value instanceof Float,
  in: (value, other) => contains(required('in', other), value),
  integer: isInteger,
  iterable: (value) => isSized(value) || value instanceof View || value instanceof Lazy || value instanceof Undefined,
  lower: (value) => isCase(value, 'islower'),
  mapping: (value) => value instanceof Map,
  none: (value) => value === null,
  number: (value) => isInteger(value) || value instanceof Float || typeof value === 'boolean',
  odd: (value) => remainder('odd', value, 2) === 1,
  sameas: (value, other) => value === other,
  sequence: (value) => isSized(value) || value instanceof Undefined,
  string: (value) => typeof value === 'string',
  true: (value) => value === true,
  undefined: (value) => value instanceof Undefined,
  upper: (value) => isCase(value, 'isupper'),
  ...{ eq: equals, equalto: equals, '==': equals, ne: differs, '!=': differs },
  ...{ lt: less, lessthan: less, '<': less, le: atMost, '<=': atMost },
  ...{ gt: greater, greaterthan: greater, '>': greater, ge: atLeast, '>=': atLeast },
};

/** Throws TemplateError for a test that is not known. */
export function applyTest(name: string, value: Value, args: readonly Value[] = [], keywords: Keywords = none): boolean {
  const test = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (test === undefined) throw new TemplateError(`No test named '${name}'.`);
  if (args.length > 1 || keywords.size > 0) throw new TemplateError(`the test ${name} takes one argument at most`);
  return test(value, args[0]);
}
