import { pythonString } from '../python/python-text.ts';
import { subPageTitle } from '../shop/buttons.ts';
import type { Page } from '../shop/session.ts';

const base = 'http://127.0.0.1:3000';

/** The URL of a page in the original's server; what its mode `url` shows. `query` and `number`: of the search that led there. */
export function pageUrl(page: Page, session: string, { query, number }: { readonly query: string; readonly number: number }): string {
  const words = query.split(' ').join('+');
  if (page.kind === 'search') return `${base}/${session}`;
  if (page.kind === 'results') return `${base}/search_results/${session}/${words}/${page.number}`;
  const { asin } = page.product;
  if (page.kind === 'item') return `${base}/item_page/${session}/${asin}/${words}/${number}/${jsonOf(page.chosen)}`;
  if (page.kind === 'done') return `${base}/done/${session}/${asin}/${reprOf(page.chosen)}`;
  return `${base}/item_sub_page/${session}/${asin}/${words}/${number}/${subPageTitle(page.name)}/${reprOf(page.chosen)}`;
}

/** As Python's json.dumps writes it: in order, ASCII only. */
function jsonOf(options: ReadonlyMap<string, string>): string {
  const text = (value: string) =>
    JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `{${Array.from(options, ([name, value]) => `${text(name)}: ${text(value)}`).join(', ')}}`;
}

/** As Python writes a dict. */
function reprOf(options: ReadonlyMap<string, string>): string {
  return `{${Array.from(options, ([name, value]) => `${pythonString(name)}: ${pythonString(value)}`).join(', ')}}`;
}
