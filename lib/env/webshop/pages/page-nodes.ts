import type { Product } from '../catalogue/products.ts';
import { pythonFloat, pythonJson } from '../python/python-text.ts';
import { type SubPage, subPageTitle } from '../shop/buttons.ts';
import type { Page } from '../shop/session.ts';

/** One text of a page, in page order; `kind` says what it is part of. */
export interface PageNode {
  readonly text: string;
  readonly kind: 'text' | 'heading' | 'instruction' | 'button' | 'option-name' | 'option' | 'product';
}

/** The texts of a page as the original's HTML holds them, not yet stripped. */
export function pageNodes(page: Page, instruction: string, subPages: readonly SubPage[]): PageNode[] {
  const task = { text: instruction, kind: 'instruction' } as const;
  const head = [heading(page.kind === 'search' ? 'Instruction: ' : 'Instruction:'), ...shown(task)];
  if (page.kind === 'search') return [plain('WebShop'), ...head, button('Search')];
  if (page.kind === 'results') {
    const turns = [...(page.number > 1 ? [button('< Prev')] : []), button('Next >')];
    const products = page.shown.flatMap(({ asin, title, priceText }) => [
      { text: asin, kind: 'product' } as const,
      ...shown(plain(title)),
      plain(priceText),
    ]);
    return [...head, button('Back to Search'), plain(`Page ${page.number} (Total results: ${page.total})`), ...turns, ...products];
  }
  const back = [...head, button('Back to Search'), button('< Prev')];
  if (page.kind === 'item') {
    const { options, title, priceText } = page.product;
    const choices = [...options].flatMap(([name, values]) => [
      ...shown({ text: name, kind: 'option-name' }),
      ...values.flatMap((text) => shown({ text, kind: 'option' })),
    ]);
    const details = [plain(`Price: ${priceText}`), plain('Rating: N.A.'), ...subPages.map((name) => button(subPageTitle(name)))];
    return [...back, ...choices, ...shown(plain(title)), ...details, button('Buy Now')];
  }
  if (page.kind === 'sub-page') return [...back, ...subPageTexts(page.product, page.name).map(plain)];
  return doneTexts(page).map(plain);
}

/** Texts of a sub-page below its buttons. */
export function subPageTexts(product: Product, name: SubPage): string[] {
  if (name === 'description') return collapsed(product.description);
  // A blank precedes each bullet in the page, so that even an empty one is a text of its own.
  if (name === 'features') return product.bullets.flatMap((bullet) => collapsed(` ${bullet}`));
  if (name === 'reviews') return [];
  return [...product.attributes, product.category, product.query, product.productCategory].flatMap(collapsed);
}

function plain(text: string): PageNode {
  return { text, kind: 'text' };
}

function heading(text: string): PageNode {
  return { text, kind: 'heading' };
}

function button(text: string): PageNode {
  return { text, kind: 'button' };
}

function shown(node: PageNode): PageNode[] {
  const texts = collapsed(node.text);
  return texts[0] === node.text ? [node] : texts.map((text) => ({ ...node, text }));
}

const blank = 32;

/** A text node that is only white space shrinks to a blank, or vanishes when it holds a line break, as in the original's HTML. */
function collapsed(text: string): string[] {
  if (text === '') return [];
  // Almost every text begins with something else, and there are dozens on a page.
  if (text.charCodeAt(0) > blank || !/^[\t\n\f\r ]+$/.test(text)) return [text];
  return text.includes('\n') ? [] : [' '];
}

function doneTexts(page: Page & { kind: 'done' }): string[] {
  const bought = ['Purchased', 'asin', page.product.asin, 'options', pythonJson(page.chosen), 'attrs', 'None'];
  const boughtKind = ['category', 'None', 'query', 'None', 'product category', 'None'];
  // The original's page misspells "instruction".
  const target = ['Target', 'asin', 'options', 'attrs', 'price upper', 'instuction text', 'category', 'product category', 'query'];
  const reward = ['Reward', 'Your score (min 0.0, max 1.0)', pythonFloat(page.score.reward), 'Reward Details', 'None'];
  const thanks = ['Thank you for shopping with us!', 'Your code:', 'None', '(Paste it in your MTurk interface.)'];
  return [...thanks, ...bought, ...boughtKind, ...target, 'Goal', 'None', ...reward];
}
