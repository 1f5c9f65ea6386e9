import type { GoalSource } from '../catalogue/goals.ts';
import type { ProductSource } from '../catalogue/product-source.ts';
import type { Product } from '../catalogue/products.ts';
import type { PythonRandom } from '../python/python-random.ts';
import { pythonStrip } from '../python/python-text.ts';
import { AnswerCache } from '../search/answer-cache.ts';
import type { SearchIndex } from '../search/search-index.ts';
import type { Searcher } from '../search/searcher.ts';

export const pageSize = 10;
const mostRandom = 50;

/** The lists of a few whole categories of the original's full catalogue. */
const listBytes = 8 * 2 ** 20;

/** First words that ask for another list than that of the search index. */
const specialWord = /^<[racq]>(?: |$)/;

/** A result list: how many, and the products of a stretch of it. */
export interface Results {
  readonly total: number;
  readonly products: readonly Product[];
}

/** A catalogue with its search index: what all episodes share, and never change. */
export class Shop {
  readonly products: ProductSource;
  readonly goals: GoalSource;
  readonly searcher: Searcher;
  readonly #lists = new AnswerCache(listBytes);

  constructor(products: ProductSource, goals: GoalSource, searcher: Searcher) {
    this.products = products;
    this.goals = goals;
    this.searcher = searcher;
  }

  get index(): SearchIndex {
    return this.searcher.index;
  }

  product(asin: string): Product | undefined {
    const number = this.products.find(asin);
    return number === undefined ? undefined : this.products.at(number);
  }

  /** One page of the results of a query, counted from 1; see `search`. */
  page(query: string, number: number, random: () => PythonRandom): Results {
    const found = this.search(query, random);
    const products: Product[] = [];
    // A product that is called like the button leads to page 0, which is empty.
    const begin = Math.max(0, number - 1) * pageSize;
    const end = Math.min(found.length, number * pageSize);
    for (let place = begin; place < end; place++) products.push(this.products.at(found[place] as number));
    return { total: found.length, products };
  }

  /**
   * The result list of a query as product numbers, best first. A first word `<r>`, `<c>` or `<q>` asks for random products, those of a
   * category and those of a product query. `<a>` finds nothing: WebShop's text environment fails on it, as on `<c>` without a category.
   */
  search(query: string, random: () => PythonRandom): ArrayLike<number> {
    const [first, ...rest] = query.split(' ');
    if (first === '<r>') return random().sampleBelow(this.products.length, Math.min(mostRandom, this.products.length));
    if (first === '<a>') return [];
    if (first === '<c>') return this.#listed(query, () => this.products.inCategory(pythonStrip(rest[0] ?? '')));
    if (first === '<q>') return this.#listed(query, () => this.products.withQuery(pythonStrip(rest.join(' '))));
    return this.searcher.find(query);
  }

  /** Such lists can have a million entries, and every page of them asks anew. */
  #listed(query: string, list: () => ArrayLike<number>): Uint32Array {
    const known = this.#lists.get(query);
    if (known !== undefined) return known;
    const found = Uint32Array.from(list());
    this.#lists.set(query, found);
    return found;
  }

  /** Lets threads find what `search` is going to be asked for; undefined where there is nothing to wait for. Fails as `Searcher.prepare` does. */
  prepare(query: string): Promise<void> | undefined {
    return specialWord.test(query) ? undefined : this.searcher.prepare(query);
  }

  /** Does work that yields every query before it is searched for: threads find the answers meanwhile. Fails as `prepare` does. */
  async searchAhead<T>(work: Generator<string, T, undefined>): Promise<T> {
    for (let next = work.next(); ; next = work.next()) {
      if (next.done === true) return next.value;
      await this.prepare(next.value);
    }
  }

  /** Ends the search threads and closes the catalogue's files. Idempotent. */
  async close(): Promise<void> {
    await this.searcher.close();
    this.products.close();
  }
}
