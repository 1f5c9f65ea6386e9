import type { GoalSource } from './catalogue/goals.ts';
import type { ProductSource } from './catalogue/product-source.ts';
import type { Product } from './catalogue/products.ts';
import type { PythonRandom } from './python-random.ts';
import { pythonStrip } from './python-text.ts';
import type { SearchIndex } from './search/search-index.ts';

export const pageSize = 10;
const maxHits = 50;

/** A result list: how many, and the products of a stretch of it. */
export interface Results {
  readonly total: number;
  readonly products: readonly Product[];
}

/** A catalogue with its search index: what all episodes share, and never change. */
export class Shop {
  readonly products: ProductSource;
  readonly goals: GoalSource;
  readonly index: SearchIndex;

  constructor(products: ProductSource, goals: GoalSource, index: SearchIndex) {
    this.products = products;
    this.goals = goals;
    this.index = index;
  }

  product(asin: string): Product | undefined {
    const number = this.products.find(asin);
    return number === undefined ? undefined : this.products.at(number);
  }

  /** One page of the results of a query, counted from 1; see `search`. */
  page(query: string, number: number, random: () => PythonRandom): Results {
    const found = this.search(query, random);
    const shown = Array.from(found).slice((number - 1) * pageSize, number * pageSize);
    return { total: found.length, products: shown.map((index) => this.products.at(index)) };
  }

  /**
   * The result list of a query as product numbers, best first. A first word `<r>`, `<c>` or `<q>` asks for random products, those of a
   * category and those of a product query. `<a>` finds nothing: WebShop's text environment fails on it, as on `<c>` without a category.
   */
  search(query: string, random: () => PythonRandom): ArrayLike<number> {
    const [first, ...rest] = query.split(' ');
    if (first === '<r>') return random().sampleBelow(this.products.length, Math.min(maxHits, this.products.length));
    if (first === '<a>') return [];
    if (first === '<c>') return this.products.inCategory(pythonStrip(rest[0] ?? ''));
    if (first === '<q>') return this.products.withQuery(pythonStrip(rest.join(' ')));
    return this.index.search(query, maxHits).map((hit) => hit.document);
  }
}
