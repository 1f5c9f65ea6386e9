import { asInteger, asText } from './arguments.ts';
import { Cycler, Namespace } from './objects.ts';
import { strftime } from './strftime.ts';
import { TemplateError } from './template-error.ts';
import { type Dict, dictKey, itemsOf, type Keywords, PythonFunction, toText, type Value } from './values.ts';

/** The most items that range() gives in transformers' sandbox. */
const maxRange = 100_000;

/** The functions that every chat template can call. `now` is what strftime_now reads; it is told each time. */
export function globalFunctions(now: Date, onDate: () => void): ReadonlyMap<string, Value> {
  const functions = [
    new PythonFunction('range', (args) => range(args.map((value) => asInteger('range', value)))),
    new PythonFunction('dict', makeDict),
    new PythonFunction('namespace', (args, keywords) => new Namespace(toNames(makeDict(args, keywords)))),
    new PythonFunction('cycler', (args) => new Cycler(args)),
    new PythonFunction('joiner', ([separator = ', ']) => joiner(toText(separator))),
    new PythonFunction('raise_exception', ([message = null]) => {
      throw new TemplateError(toText(message), { raised: true });
    }),
    new PythonFunction('strftime_now', ([format]) => {
      onDate();
      return strftime(now, asText('strftime_now', format));
    }),
  ];
  return new Map(functions.map((one) => [one.name, one]));
}

function range(args: readonly number[]): Value[] {
  const [first, second, step = 1] = args;
  if (first === undefined || args.length > 3) throw new TemplateError(`range expected 1 to 3 arguments, got ${args.length}`);
  if (step === 0) throw new TemplateError('range() arg 3 must not be zero');
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > maxRange) throw new TemplateError(`Range too big. The sandbox blocks ranges larger than ${maxRange}.`);
  return Array.from({ length }, (_, i) => start + i * step);
}

/** dict(mapping or pairs, **keywords). */
function makeDict(args: readonly Value[], keywords: Keywords): Dict {
  const [source] = args;
  if (args.length > 1) throw new TemplateError(`dict expected at most 1 argument, got ${args.length}`);
  const dict: Dict = new Map();
  if (source instanceof Map) for (const [key, value] of source) dict.set(key, value);
  else if (source !== undefined) {
    for (const pair of itemsOf(source)) {
      const [key, value, ...rest] = itemsOf(pair);
      if (key === undefined || value === undefined || rest.length > 0) throw new TemplateError('dict: each item must be a pair');
      dict.set(dictKey(key), value);
    }
  }
  for (const [key, value] of keywords) dict.set(key, value);
  return dict;
}

function toNames(dict: Dict): Map<string, Value> {
  return new Map([...dict].map(([key, value]) => [asText('namespace', key), value]));
}

/** Nothing on its first call, the separator on every later one. */
function joiner(separator: string): PythonFunction {
  let used = false;
  return new PythonFunction('joiner', () => {
    const text = used ? separator : '';
    used = true;
    return text;
  });
}
