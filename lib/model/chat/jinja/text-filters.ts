import { asInteger, asOptionalText, asText, required } from './arguments.ts';
import { type FilterTable, filter, given } from './filter-table.ts';
import { capitalize, codePointLength, codePoints, replaceText, splitLines, strip } from './python-text.ts';
import { lengthOf, toText } from './values.ts';

const escaped = filter([], (value) => escapeHtml(toText(value)));

/** Filters of jinja2 that give text. `safe` is that alone, since nothing is escaped by itself. */
export const textFilters: FilterTable = {
  capitalize: filter([], (value) => capitalize(toText(value))),
  center: filter(['width'], (value, width) => center(toText(value), asInteger('center', width, 80))),
  ...{ e: escaped, escape: escaped, forceescape: escaped },
  indent: filter(['width', 'first', 'blank'], (value, width = 4, first, blank) =>
    indent(asText('indent', value), typeof width === 'string' ? width : ' '.repeat(asInteger('indent', width)), given(first), given(blank)),
  ),
  lower: filter([], (value) => toText(value).toLowerCase()),
  replace: filter(['old', 'new', 'count'], (value, old, replacement, count) =>
    replaceText(
      toText(value),
      toText(required('replace', old)),
      toText(required('replace', replacement)),
      asInteger('replace', count ?? undefined, -1),
    ),
  ),
  safe: filter([], (value) => toText(value)),
  string: filter([], (value) => toText(value)),
  title: filter([], (value) => titleWords(toText(value))),
  trim: filter(['chars'], (value, chars) => strip(toText(value), asOptionalText('trim', chars))),
  truncate: filter(['length', 'killwords', 'end', 'leeway'], (value, length, killWords, end, leeway) => {
    const limit = asInteger('truncate', length, 255);
    if (lengthOf(value) <= limit + asInteger('truncate', leeway ?? undefined, 5)) return value;
    return truncate(asText('truncate', value), limit, given(killWords), asOptionalText('truncate', end) ?? '...');
  }),
  upper: filter([], (value) => toText(value).toUpperCase()),
  wordcount: filter([], (value) => toText(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
};

function indent(text: string, indentation: string, first: boolean, blank: boolean): string {
  // The newline makes an empty last line count, as jinja2 has it.
  const lines = splitLines(`${text}\n`, false);
  const body = lines.map((line, i) => (i === 0 || (line === '' && !blank) ? line : indentation + line)).join('\n');
  return (first ? indentation : '') + body;
}

function center(text: string, width: number): string {
  const gap = Math.max(0, width - codePointLength(text));
  const left = (gap >> 1) + (gap & width & 1);
  return ' '.repeat(left) + text + ' '.repeat(gap - left);
}

/** jinja2's own title case: after white space, brackets and hyphens. */
function titleWords(text: string): string {
  return text
    .split(/([-\s({[<]+)/u)
    .map((part) => capitalize(part))
    .join('');
}

function truncate(text: string, limit: number, killWords: boolean, end: string): string {
  const head = codePoints(text)
    .slice(0, limit - codePointLength(end))
    .join('');
  if (killWords) return head + end;
  const space = head.lastIndexOf(' ');
  return (space === -1 ? head : head.slice(0, space)) + end;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('>', '&gt;').replaceAll('<', '&lt;').replaceAll("'", '&#39;').replaceAll('"', '&#34;');
}
