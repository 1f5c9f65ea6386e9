import type { SubPage } from '../shop/buttons.ts';
import type { Outcome, Page } from '../shop/session.ts';
import { subPageTexts } from './page-nodes.ts';
import { oneLine, shortPrice } from './short-forms.ts';

/**
 * The same pages in few words, for small models: the instruction shows only in the first observation, buttons share one line, each product
 * is a line of title, price and code (last, so that a model which has read up to the code knows whether it is wanted), and choosing an option answers with what is chosen so far instead of the whole page.
 */
export function compactText(page: Page, outcome: Outcome, subPages: readonly SubPage[]): string {
  if (outcome === 'nothing') return 'no change';
  if (page.kind === 'search') return 'search';
  if (page.kind === 'results') {
    const buttons = ['back to search', ...(page.number > 1 ? ['< prev'] : []), 'next >'];
    const head = [`page ${page.number}, ${page.total} results`, ...buttons].join(' | ');
    return [head, ...page.shown.map(({ asin, title, priceText }) => `${oneLine(title)} ${shortPrice(priceText)} ${asin}`)].join('\n');
  }
  if (page.kind === 'item') {
    if (outcome === 'option') return `ok ${[...page.chosen.values()].join(' / ')}`;
    // No value holds a slash: the shop replaces them when it loads a product.
    const options = Array.from(page.product.options, ([name, values]) => `${oneLine(name)}: ${values.map(oneLine).join(' / ')}`);
    const title = `${oneLine(page.product.title)} ${shortPrice(page.product.priceText)}`;
    return [...options, title, ['back to search', '< prev', ...subPages, 'buy now'].join(' | ')].join('\n');
  }
  if (page.kind === 'sub-page') {
    return ['back to search | < prev', ...subPageTexts(page.product, page.name).map(oneLine)].join('\n');
  }
  return `bought, score ${page.score.reward.toFixed(2)}`;
}

/** The first observation of the compact layout. */
export function compactStart(instruction: string): string {
  return `${oneLine(instruction)}\nsearch`;
}
