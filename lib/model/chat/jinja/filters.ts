import { asInteger, asText, bindArguments, required } from './arguments.ts';
import { type FilterTable, filter, given } from './filter-table.ts';
import { formatPercent } from './format-string.ts';
import { dumps } from './json.ts';
import { numberFilters } from './number-filters.ts';
import { attributeOrItem } from './operators.ts';
import { keyOf, sequenceFilters } from './sequence-filters.ts';
import { TemplateError } from './template-error.ts';
import { applyTest } from './tests.ts';
import { textFilters } from './text-filters.ts';
import { type Dict, isTrue, itemsOf, type Keywords, Lazy, Tuple, toText, Undefined, type Value } from './values.ts';

const otherwise = filter(['default_value', 'boolean'], (value, fallback = '', boolean) =>
  value instanceof Undefined || (given(boolean) && !isTrue(value)) ? fallback : value,
);

/** The filters of jinja2 that shape text and data, and tojson as transformers defines it. */
const filters: FilterTable = {
  ...textFilters,
  ...sequenceFilters,
  ...numberFilters,
  attr: filter(['name'], (value, name) => attributeOrItem(value, asText('attr', name))),
  ...{ d: otherwise, default: otherwise },
  tojson: filter(['ensure_ascii', 'indent', 'separators', 'sort_keys'], toJson),
};

/** Throws TemplateError for a filter that is not known. */
export function applyFilter(name: string, value: Value, args: readonly Value[], keywords: Keywords): Value {
  switch (name) {
    case 'format':
      return formatPercent(toText(value), keywords.size > 0 ? (new Map(keywords) as Dict) : new Tuple(args));
    case 'map':
      return new Lazy(mapItems(unlessEmpty(value), args, keywords));
    case 'select':
    case 'reject':
      return new Lazy(unlessEmpty(value).filter((item) => passes(item, args, keywords) === (name === 'select')));
    case 'selectattr':
    case 'rejectattr': {
      const [attribute, ...test] = args;
      const key = keyOf(required(name, attribute), true);
      return new Lazy(unlessEmpty(value).filter((item) => passes(key(item), test, keywords) === (name === 'selectattr')));
    }
  }
  const known = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (known === undefined) throw new TemplateError(`No filter named '${name}'.`);
  return known.apply(value, ...bindArguments(name, known.parameters, args, keywords));
}

/** Items of a value; none where it is false, whatever it is. */
function unlessEmpty(value: Value): readonly Value[] {
  return isTrue(value) ? itemsOf(value) : [];
}

function mapItems(items: readonly Value[], args: readonly Value[], keywords: Keywords): Value[] {
  const attribute = keywords.get('attribute');
  if (args.length === 0 && attribute !== undefined) return items.map(keyOf(attribute, true, keywords.get('default')));
  const [name, ...rest] = args;
  const filterName = asText('map', name);
  return items.map((item) => applyFilter(filterName, item, rest, keywords));
}

function passes(item: Value, test: readonly Value[], keywords: Keywords): boolean {
  const [name, ...args] = test;
  return name === undefined ? isTrue(item) : applyTest(asText('select', name), item, args, keywords);
}

function toJson(value: Value, ensureAscii?: Value, indentation?: Value, separators?: Value, sortKeys?: Value): Value {
  const indentText = (width: Value) => (typeof width === 'string' ? width : ' '.repeat(Math.max(0, asInteger('tojson', width))));
  const indented = indentation === undefined || indentation === null ? undefined : indentText(indentation);
  const pair = separators === undefined || separators === null ? undefined : itemsOf(separators).map((part) => asText('tojson', part));
  if (pair !== undefined && pair.length !== 2) throw new TemplateError('tojson: separators must be two strings');
  const [between, after] = pair ?? [indented === undefined ? ', ' : ',', ': '];
  return dumps(value, {
    ensureAscii: given(ensureAscii),
    indent: indented,
    separators: [between as string, after as string],
    sortKeys: given(sortKeys),
  });
}
