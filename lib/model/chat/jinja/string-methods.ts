import { asInteger, asOptionalText, asText, bindArguments, required } from './arguments.ts';
import { formatBraces } from './format-string.ts';
import {
  capitalize,
  codePointLength,
  codePoints,
  isSpace,
  replaceText,
  split,
  splitFromRight,
  splitLines,
  strip,
  stripLeft,
  stripRight,
  titleCase,
} from './python-text.ts';
import { TemplateError } from './template-error.ts';
import { isTrue, itemsOf, type Keywords, lengthOf, PythonFunction, Tuple, typeName, type Value } from './values.ts';

type Method = {
  readonly parameters: readonly string[];
  readonly call: (text: string, ...args: (Value | undefined)[]) => Value;
};

const method = (parameters: readonly string[], call: Method['call']): Method => ({ parameters, call });
const list = (parts: readonly string[]): Value => [...parts];

/** True when the text is not empty and every character is a `kind`. */
const every = (kind: RegExp) => method([], (text) => text !== '' && codePoints(text).every((point) => kind.test(point)));

/** Whether the cased characters, of which there is at least one, are all of this case. */
const cased = (convert: (text: string) => string) => method([], (text) => /\p{Cased}/u.test(text) && convert(text) === text);

const letter = /^\p{L}$/u;
const digit = /^[\p{Nd}\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089]$/u;
const decimal = /^\p{Nd}$/u;
const numeric = /^\p{N}$/u;
const alphanumeric = /^[\p{L}\p{N}]$/u;

/** Methods of str. What changes nothing about a chat template's text (encode, translate, …) is left out: calling it is an error. */
const methods: Readonly<Record<string, Method>> = {
  capitalize: method([], (text) => capitalize(text)),
  casefold: method([], (text) => text.toLowerCase().replaceAll('ß', 'ss')),
  center: method(['width', 'fillchar'], (text, width, fill) => pad(text, width, fill, (gap, w) => (gap >> 1) + (gap & w & 1))),
  count: method(['sub'], (text, sub) => countOf(text, asText('count', sub))),
  endswith: method(['suffix'], (text, suffix) => oneOf('endswith', suffix).some((end) => text.endsWith(end))),
  find: method(['sub', 'start', 'end'], (text, sub, start, end) => search(text, asText('find', sub), start, end, 'first')),
  index: method(['sub', 'start', 'end'], (text, sub, start, end) => found(search(text, asText('index', sub), start, end, 'first'))),
  isalnum: every(alphanumeric),
  isalpha: every(letter),
  isdecimal: every(decimal),
  isdigit: every(digit),
  islower: cased((text) => text.toLowerCase()),
  isnumeric: every(numeric),
  isspace: method([], (text) => isSpace(text)),
  istitle: method([], (text) => /\p{Cased}/u.test(text) && titleCase(text) === text),
  isupper: cased((text) => text.toUpperCase()),
  join: method(['iterable'], (text, iterable) => itemsOf(required('join', iterable)).map(joined).join(text)),
  ljust: method(['width', 'fillchar'], (text, width, fill) => pad(text, width, fill, () => 0)),
  lower: method([], (text) => text.toLowerCase()),
  lstrip: method(['chars'], (text, chars) => stripLeft(text, asOptionalText('lstrip', chars))),
  partition: method(['sep'], (text, sep) => partition(text, separator('partition', sep), 'first')),
  removeprefix: method(['prefix'], (text, prefix) => removePrefix(text, asText('removeprefix', prefix))),
  removesuffix: method(['suffix'], (text, suffix) => removeSuffix(text, asText('removesuffix', suffix))),
  replace: method(['old', 'new', 'count'], (text, old, replacement, count) =>
    replaceText(text, asText('replace', old), asText('replace', replacement), asInteger('replace', count, -1)),
  ),
  rfind: method(['sub', 'start', 'end'], (text, sub, start, end) => search(text, asText('rfind', sub), start, end, 'last')),
  rindex: method(['sub', 'start', 'end'], (text, sub, start, end) => found(search(text, asText('rindex', sub), start, end, 'last'))),
  rjust: method(['width', 'fillchar'], (text, width, fill) => pad(text, width, fill, (gap) => gap)),
  rpartition: method(['sep'], (text, sep) => partition(text, separator('rpartition', sep), 'last')),
  rsplit: method(['sep', 'maxsplit'], (text, sep, limit) =>
    list(splitFromRight(text, optionalSeparator('rsplit', sep), asInteger('rsplit', limit, -1))),
  ),
  rstrip: method(['chars'], (text, chars) => stripRight(text, asOptionalText('rstrip', chars))),
  split: method(['sep', 'maxsplit'], (text, sep, limit) =>
    list(split(text, optionalSeparator('split', sep), asInteger('split', limit, -1))),
  ),
  splitlines: method(['keepends'], (text, keep) => list(splitLines(text, keep !== undefined && isTrue(keep)))),
  startswith: method(['prefix'], (text, prefix) => oneOf('startswith', prefix).some((start) => text.startsWith(start))),
  strip: method(['chars'], (text, chars) => strip(text, asOptionalText('strip', chars))),
  swapcase: method([], (text) =>
    codePoints(text)
      .map((point) => (point === point.toLowerCase() ? point.toUpperCase() : point.toLowerCase()))
      .join(''),
  ),
  title: method([], (text) => titleCase(text)),
  upper: method([], (text) => text.toUpperCase()),
  zfill: method(['width'], (text, width) => zeroFill(text, asInteger('zfill', width))),
};

/** A method of this string; undefined if str has none of that name here. */
export function stringMethod(text: string, name: string): PythonFunction | undefined {
  if (name === 'format') return new PythonFunction(name, (args, keywords: Keywords) => formatBraces(text, args, keywords));
  const known = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (known === undefined) return undefined;
  return new PythonFunction(name, (args, keywords) => known.call(text, ...bindArguments(name, known.parameters, args, keywords)));
}

function joined(item: Value, place: number): string {
  if (typeof item !== 'string') throw new TemplateError(`sequence item ${place}: expected str instance, ${typeName(item)} found`);
  return item;
}

function separator(name: string, value: Value | undefined): string {
  const text = asText(name, value);
  if (text === '') throw new TemplateError('empty separator');
  return text;
}

function optionalSeparator(name: string, value: Value | undefined): string | undefined {
  return value === undefined || value === null ? undefined : separator(name, value);
}

function oneOf(name: string, value: Value | undefined): readonly string[] {
  return value instanceof Tuple ? value.items.map((item) => asText(name, item)) : [asText(name, value)];
}

function countOf(text: string, sub: string): number {
  return sub === '' ? codePointLength(text) + 1 : text.split(sub).length - 1;
}

/** Place of `sub` in text[start:end] in code points, -1 if it is not there. */
function search(text: string, sub: string, start: Value | undefined, end: Value | undefined, which: 'first' | 'last'): number {
  const points = codePoints(text);
  const from = bound(start, points.length, 0);
  const to = bound(end, points.length, points.length);
  if (from > to) return -1;
  const part = points.slice(from, to).join('');
  const at = which === 'first' ? part.indexOf(sub) : part.lastIndexOf(sub);
  return at === -1 ? -1 : from + codePointLength(part.slice(0, at));
}

function bound(value: Value | undefined, length: number, otherwise: number): number {
  if (value === undefined || value === null) return otherwise;
  const index = asInteger('find', value);
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length + 1);
}

function found(place: number): number {
  if (place === -1) throw new TemplateError('substring not found');
  return place;
}

function partition(text: string, sep: string, which: 'first' | 'last'): Tuple {
  const at = which === 'first' ? text.indexOf(sep) : text.lastIndexOf(sep);
  if (at === -1) return new Tuple(which === 'first' ? [text, '', ''] : ['', '', text]);
  return new Tuple([text.slice(0, at), sep, text.slice(at + sep.length)]);
}

function removePrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

function removeSuffix(text: string, suffix: string): string {
  return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
}

/** `left`: how much of the gap goes to the left. */
function pad(text: string, width: Value | undefined, fill: Value | undefined, left: (gap: number, width: number) => number): string {
  const wanted = asInteger('width', width);
  const character = fill === undefined ? ' ' : asText('fillchar', fill);
  if (lengthOf(character) !== 1) throw new TemplateError('The fill character must be exactly one character long');
  const gap = Math.max(0, wanted - codePointLength(text));
  const before = left(gap, wanted);
  return character.repeat(before) + text + character.repeat(gap - before);
}

function zeroFill(text: string, width: number): string {
  const sign = /^[-+]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(Math.max(0, width - codePointLength(text))) + text.slice(sign.length);
}
