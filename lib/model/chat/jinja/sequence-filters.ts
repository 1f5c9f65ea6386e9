import { asInteger, asOptionalText, asText } from './arguments.ts';
import { type FilterTable, filter, given } from './filter-table.ts';
import { binary, dictItems, itemOrAttribute } from './operators.ts';
import { codePoints } from './python-text.ts';
import { TemplateError } from './template-error.ts';
import { compare, dictKey, itemsOf, Lazy, lengthOf, numberOf, orElse, Tuple, toText, typeName, Undefined, type Value } from './values.ts';

const length = filter([], (value) => lengthOf(value));

/** Filters of jinja2 over lists, dicts and other things with items. */
export const sequenceFilters: FilterTable = {
  batch: filter(['linecount', 'fill_with'], (value, count, fill) => new Lazy(batches(value, asInteger('batch', count), fill))),
  ...{ count: length, length },
  dictsort: filter(['case_sensitive', 'by', 'reverse'], (value, caseSensitive, by, reverse) =>
    sortDict(value, given(caseSensitive), asOptionalText('dictsort', by) ?? 'key', given(reverse)),
  ),
  first: filter([], (value) => orElse(itemsOf(value)[0], () => new Undefined('No first item, sequence was empty.'))),
  groupby: filter(['attribute', 'default', 'case_sensitive'], (value, by, fallback, caseSensitive) =>
    groups(value, keyOf(by, given(caseSensitive), fallback)),
  ),
  items: filter([], (value) => {
    if (value instanceof Undefined) return new Lazy([]);
    if (!(value instanceof Map)) throw new TemplateError('Can only get item pairs from a mapping.');
    return new Lazy(dictItems(value));
  }),
  join: filter(['d', 'attribute'], (value, separator = '', attribute) => {
    const items = attribute === undefined ? itemsOf(value) : itemsOf(value).map(keyOf(attribute, true));
    return items.map(toText).join(toText(separator));
  }),
  last: filter([], (value) => {
    if (value instanceof Lazy) throw new TemplateError("'generator' object is not reversible");
    return orElse(itemsOf(value).at(-1), () => new Undefined('No last item, sequence was empty.'));
  }),
  list: filter([], (value) => [...itemsOf(value)]),
  max: filter(['case_sensitive', 'attribute'], (value, caseSensitive, attribute) => extreme(value, given(caseSensitive), attribute, 1)),
  min: filter(['case_sensitive', 'attribute'], (value, caseSensitive, attribute) => extreme(value, given(caseSensitive), attribute, -1)),
  reverse: filter([], (value) =>
    typeof value === 'string' ? codePoints(value).reverse().join('') : new Lazy([...itemsOf(value)].reverse()),
  ),
  slice: filter(['slices', 'fill_with'], (value, count, fill) => new Lazy(slices(value, asInteger('slice', count), fill))),
  sort: filter(['reverse', 'case_sensitive', 'attribute'], (value, reverse, caseSensitive, attribute) =>
    sorted(itemsOf(value), keyOf(attribute, given(caseSensitive)), given(reverse)),
  ),
  sum: filter(['attribute', 'start'], (value, attribute, start = 0) =>
    itemsOf(value)
      .map(keyOf(attribute, true))
      .reduce((total, item) => binary('+', total, item), start),
  ),
  unique: filter(
    ['case_sensitive', 'attribute'],
    (value, caseSensitive, attribute) => new Lazy(unique(itemsOf(value), keyOf(attribute, given(caseSensitive)))),
  ),
};

/** What items are compared by: themselves, or an attribute (`a.b.0`); text without its case unless that counts. */
export function keyOf(attribute: Value | undefined, caseSensitive: boolean, fallback?: Value): (item: Value) => Value {
  const path: Value[] =
    attribute === undefined || attribute === null
      ? []
      : typeof attribute === 'number'
        ? [attribute]
        : asText('attribute', attribute)
            .split('.')
            .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  return (item) => {
    let found = item;
    for (const part of path) {
      found = itemOrAttribute(found, part);
      if (found instanceof Undefined && fallback !== undefined && fallback !== null) found = fallback;
    }
    return typeof found === 'string' && !caseSensitive ? found.toLowerCase() : found;
  };
}

function sorted(items: readonly Value[], key: (item: Value) => Value, reverse: boolean): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  // Python's reverse keeps equal items in their order too.
  keyed.sort((a, b) => (reverse ? compare(b.key, a.key) : compare(a.key, b.key)));
  return keyed.map(({ item }) => item);
}

function sortDict(value: Value, caseSensitive: boolean, by: string, reverse: boolean): Value[] {
  if (!(value instanceof Map)) throw new TemplateError(`dictsort expected a dict, got ${typeName(value)}`);
  if (by !== 'key' && by !== 'value') throw new TemplateError('You can only sort by either "key" or "value"');
  return sorted(dictItems(value), keyOf(by === 'key' ? 0 : 1, caseSensitive), reverse);
}

function groups(value: Value, key: (item: Value) => Value): Value[] {
  const found: { key: Value; items: Value[] }[] = [];
  for (const item of sorted(itemsOf(value), key, false)) {
    const own = key(item);
    const last = found.at(-1);
    if (last !== undefined && compare(last.key, own) === 0) last.items.push(item);
    else found.push({ key: own, items: [item] });
  }
  return found.map(({ key: own, items }) => new Tuple([own, items]));
}

function extreme(value: Value, caseSensitive: boolean, attribute: Value | undefined, sign: 1 | -1): Value {
  const key = keyOf(attribute, caseSensitive);
  let best: Value | undefined;
  for (const item of itemsOf(value)) {
    if (best === undefined || sign * compare(key(item), key(best)) > 0) best = item;
  }
  return orElse(best, () => new Undefined('No aggregated item, sequence was empty.'));
}

function unique(items: readonly Value[], key: (item: Value) => Value): Value[] {
  const seen = new Set<Value>();
  return items.filter((item) => {
    const found = key(item);
    const own = numberOf(found) ?? dictKey(found);
    return seen.has(own) ? false : seen.add(own);
  });
}

function batches(value: Value, size: number, fill: Value | undefined): Value[] {
  const items = itemsOf(value);
  const rows: Value[][] = [];
  for (let start = 0; start < items.length; start += size) rows.push(items.slice(start, start + size));
  const last = rows.at(-1);
  while (last !== undefined && fill !== undefined && fill !== null && last.length < size) last.push(fill);
  return rows;
}

function slices(value: Value, count: number, fill: Value | undefined): Value[] {
  const items = itemsOf(value);
  const size = Math.floor(items.length / count);
  const longer = items.length % count;
  let start = 0;
  return Array.from({ length: count }, (_, i) => {
    const end = start + size + (i < longer ? 1 : 0);
    const part = items.slice(start, end);
    start = end;
    return fill !== undefined && fill !== null && i >= longer && longer > 0 ? [...part, fill] : part;
  });
}
