import type { Product } from './catalogue/products.ts';
import { pythonFloat, pythonJson, pythonStrip } from './python-text.ts';
import type { Outcome, Page, SubPage } from './session.ts';

const separator = ' [SEP] ';

/** The page as WebShop's text mode shows it: every text of the page, stripped, joined by ` [SEP] `. Chosen options do not show. */
export function fullText(page: Page, instruction: string, subPages: readonly SubPage[]): string {
  return segments(page, instruction, subPages).map(pythonStrip).join(separator);
}

function segments(page: Page, instruction: string, subPages: readonly SubPage[]): string[] {
  const head = ['Instruction:', ...textNode(instruction)];
  if (page.kind === 'search') return ['WebShop', ...head, 'Search'];
  if (page.kind === 'results') {
    const buttons = [...(page.number > 1 ? ['< Prev'] : []), 'Next >'];
    const products = page.shown.flatMap(({ asin, title, priceText }) => [asin, ...textNode(title), priceText]);
    return [...head, 'Back to Search', `Page ${page.number} (Total results: ${page.total})`, ...buttons, ...products];
  }
  if (page.kind === 'item') {
    const { options, title, priceText } = page.product;
    const choices = [...options].flatMap(([name, values]) => [...textNode(name), ...values.flatMap(textNode)]);
    const details = [`Price: ${priceText}`, 'Rating: N.A.', ...subPages.map(capitalised), 'Buy Now'];
    return [...head, 'Back to Search', '< Prev', ...choices, ...textNode(title), ...details];
  }
  if (page.kind === 'sub-page') return [...head, 'Back to Search', '< Prev', ...subPageTexts(page.product, page.name)];
  return doneSegments(page);
}

/** A text node that is only white space shrinks to a blank, or vanishes when it holds a line break, as in the original's HTML. */
function textNode(text: string): string[] {
  if (text === '') return [];
  if (!/^[\t\n\f\r ]+$/.test(text)) return [text];
  return text.includes('\n') ? [] : [' '];
}

function subPageTexts(product: Product, name: SubPage): string[] {
  if (name === 'description') return textNode(product.description);
  // A blank precedes each bullet in the page, so that even an empty one is a text of its own.
  if (name === 'features') return product.bullets.flatMap((bullet) => textNode(` ${bullet}`));
  if (name === 'reviews') return [];
  return [...product.attributes, product.category, product.query, product.productCategory].flatMap(textNode);
}

function doneSegments(page: Page & { kind: 'done' }): string[] {
  const bought = ['Purchased', 'asin', page.product.asin, 'options', pythonJson(page.chosen), 'attrs', 'None'];
  const boughtKind = ['category', 'None', 'query', 'None', 'product category', 'None'];
  // The original's page misspells "instruction".
  const target = ['Target', 'asin', 'options', 'attrs', 'price upper', 'instuction text', 'category', 'product category', 'query'];
  const reward = ['Reward', 'Your score (min 0.0, max 1.0)', pythonFloat(page.score.reward), 'Reward Details', 'None'];
  const thanks = ['Thank you for shopping with us!', 'Your code:', 'None', '(Paste it in your MTurk interface.)'];
  return [...thanks, ...bought, ...boughtKind, ...target, 'Goal', 'None', ...reward];
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

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

function oneLine(text: string): string {
  return text.replace(/\s+/gu, ' ').trim();
}

function shortPrice(priceText: string): string {
  return priceText.replace(/\.0(?!\d)/g, '');
}
