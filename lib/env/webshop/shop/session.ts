import type { Goal } from '../catalogue/goals.ts';
import type { Product } from '../catalogue/products.ts';
import type { PythonRandom } from '../python/python-random.ts';
import { type NounTagger, type Score, scorePurchase } from '../reward/reward.ts';
import { unattached } from '../search/unattached.ts';
import { type SubPage, subPages } from './buttons.ts';
import type { Shop } from './shop.ts';

/** Where the shopper is; everything that a rendering may show. */
export type Page =
  | { readonly kind: 'search' }
  | { readonly kind: 'results'; readonly number: number; readonly total: number; readonly shown: readonly Product[] }
  | { readonly kind: 'item'; readonly product: Product; readonly chosen: ReadonlyMap<string, string> }
  | { readonly kind: 'sub-page'; readonly product: Product; readonly name: SubPage; readonly chosen: ReadonlyMap<string, string> }
  | { readonly kind: 'done'; readonly product: Product; readonly chosen: ReadonlyMap<string, string>; readonly score: Score };

/** What an action did: led to a page, chose an option, or nothing. */
export type Outcome = 'page' | 'option' | 'nothing';

/**
 * `search[…]` and `click[…]` as WebShop reads them: on the first line the last bracket that opens around anything, up to the last that closes;
 * anything after them is ignored, and the argument becomes lower case.
 */
export function parseAction(action: string): { name: string; argument: string | undefined } {
  const end = action.indexOf('\n');
  const line = end < 0 ? action : action.slice(0, end);
  const close = line.lastIndexOf(']');
  const open = line.lastIndexOf('[', close - 2);
  if (close < 3 || open < 1) return { name: action, argument: undefined };
  return { name: line.slice(0, open), argument: line.slice(open + 1, close).toLowerCase() };
}

export interface SessionOptions {
  /** Only asked for by searches for random products. */
  readonly random: () => PythonRandom;
  readonly showAttributes: boolean;
  readonly nouns: NounTagger;
  /** Whether a search goes on after the purchase, as in the original. Default false. */
  readonly searchAfterPurchase?: boolean;
}

/** One shopper in one shop: WebShop's pages and what leads from one to the next. */
export class Session {
  readonly #shop: Shop;
  readonly #goal: Goal;
  readonly #random: () => PythonRandom;
  readonly #nouns: NounTagger;
  readonly #subPages: readonly SubPage[];
  readonly #searchAfterPurchase: boolean;
  readonly #chosen = new Map<string, string>();
  readonly #visited = new Set<string>();
  #query = '';
  #number = 1;
  #page: Page = { kind: 'search' };
  /** Asked for several times a step. */
  #offered: { readonly page: Page; readonly clickables: readonly string[] } | undefined;

  constructor(shop: Shop, goal: Goal, options: SessionOptions) {
    this.#shop = shop;
    this.#goal = goal;
    this.#random = options.random;
    this.#nouns = options.nouns;
    this.#searchAfterPurchase = options.searchAfterPurchase ?? false;
    this.#subPages = options.showAttributes ? subPages : subPages.filter((name) => name !== 'attributes');
  }

  get page(): Page {
    return this.#page;
  }

  /** The search that led here, and the page of its results. */
  get search(): { readonly query: string; readonly number: number } {
    return { query: this.#query, number: this.#number };
  }

  /** Asins of the products opened since the search page was left. */
  get visited(): ReadonlySet<string> {
    return this.#visited;
  }

  get subPages(): readonly SubPage[] {
    return this.#subPages;
  }

  /** What can be clicked now, in page order without repeats. `search` is listed as in WebShop, but clicking it does nothing. */
  clickables(): readonly string[] {
    if (this.#offered?.page !== this.#page) this.#offered = { page: this.#page, clickables: this.#clickablesOf(this.#page) };
    return this.#offered.clickables;
  }

  #clickablesOf(page: Page): string[] {
    if (page.kind === 'search') return ['search'];
    if (page.kind === 'done') return [];
    if (page.kind === 'sub-page') return ['back to search', '< prev'];
    if (page.kind === 'item') {
      const buttons = ['back to search', '< prev', ...this.#subPages, 'buy now'];
      return [...new Set([...buttons, ...[...page.product.options.values()].flat()])];
    }
    const buttons = ['back to search', ...(page.number > 1 ? ['< prev'] : []), 'next >'];
    return [...new Set([...buttons, ...page.shown.map((product) => product.asin.toLowerCase())])];
  }

  /** What `act(action)` would search for now; undefined for an action that searches for nothing. */
  queryFor(action: string): string | undefined {
    const { name, argument } = parseAction(action);
    if (argument === undefined || this.#ended) return undefined;
    if (name === 'search') return argument;
    const page = this.#page;
    const turns = (page.kind === 'results' && argument === 'next >') || (page.kind === 'item' && argument === '< prev');
    const turnsBack = page.kind === 'results' && page.number > 1 && argument === '< prev';
    return name === 'click' && (turns || turnsBack) ? this.#query : undefined;
  }

  /** Lets threads find what `act(action)` would search for now; see `Shop.prepare`. */
  prepare(action: string): Promise<void> | undefined {
    const query = this.queryFor(action);
    return query === undefined ? undefined : this.#shop.prepare(query);
  }

  /** Searching is possible on every page; what is not possible changes nothing. */
  act(action: string): Outcome {
    const { name, argument } = parseAction(action);
    if (argument === undefined || this.#ended) return 'nothing';
    if (name === 'search') {
      this.#query = unattached(argument);
      this.#openResults(1);
      return 'page';
    }
    if (name !== 'click' || argument === 'search' || !this.clickables().includes(argument)) return 'nothing';
    return this.#click(argument);
  }

  get #ended(): boolean {
    return this.#page.kind === 'done' && !this.#searchAfterPurchase;
  }

  #click(target: string): Outcome {
    const page = this.#page;
    if (page.kind === 'item' && target === 'buy now') this.#buy(page.product);
    else if (target === 'back to search') this.#openSearch();
    else if (page.kind === 'results') {
      if (target === 'next >') this.#openResults(this.#number + 1);
      else if (target === '< prev') this.#openResults(this.#number - 1);
      else return this.#open(page.shown.find((product) => product.asin.toLowerCase() === target));
    } else if (target === '< prev') {
      if (page.kind === 'sub-page') return this.#open(page.product);
      this.#openResults(this.#number);
    } else if (page.kind === 'item') {
      const subPage = this.#subPages.find((name) => name === target);
      if (subPage === undefined) return this.#choose(page.product, target);
      this.#page = { kind: 'sub-page', product: page.product, name: subPage, chosen: page.chosen };
    }
    return 'page';
  }

  #openSearch(): void {
    this.#query = '';
    this.#visited.clear();
    this.#chosen.clear();
    this.#page = { kind: 'search' };
  }

  /** The list is looked up anew each time, so that random results change with every page as they do in WebShop. */
  #openResults(number: number): void {
    const { total, products } = this.#shop.page(this.#query, number, this.#random);
    this.#chosen.clear();
    this.#number = number;
    this.#page = { kind: 'results', number, total, shown: products };
  }

  #open(product: Product | undefined): Outcome {
    if (product === undefined) return 'nothing';
    this.#visited.add(product.asin);
    this.#page = { kind: 'item', product, chosen: new Map(this.#chosen) };
    return 'page';
  }

  /** A value that two options share belongs to the later one. */
  #choose(product: Product, value: string): Outcome {
    for (const [name, values] of [...product.options].reverse()) {
      if (!values.includes(value)) continue;
      this.#chosen.set(name, value);
      this.#open(product);
      return 'option';
    }
    return 'nothing';
  }

  #buy(product: Product): void {
    const score = scorePurchase(product, this.#goal, product.price, [...this.#chosen.values()], this.#nouns);
    this.#page = { kind: 'done', product, chosen: new Map(this.#chosen), score };
  }
}
