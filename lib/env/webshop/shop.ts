import type { Goal } from './goals.ts';
import { type Product, searchableText } from './products.ts';
import type { PythonRandom } from './python-random.ts';
import { pythonStrip } from './python-text.ts';
import { indexDocuments } from './search/index-builder.ts';
import type { SearchIndex } from './search/search-index.ts';

export const pageSize = 10;
const maxHits = 50;

/** A catalogue with its search index: what all episodes share, and never change. */
export class Shop {
  readonly products: readonly Product[];
  readonly goals: readonly Goal[];
  readonly index: SearchIndex;
  readonly #byAsin: ReadonlyMap<string, Product>;

  constructor(products: readonly Product[], goals: readonly Goal[]) {
    this.products = products;
    this.goals = goals;
    this.#byAsin = new Map(products.map((product) => [product.asin, product]));
    this.index = indexDocuments(products.map((product) => [product.asin, searchableText(product)] as const));
  }

  product(asin: string): Product | undefined {
    return this.#byAsin.get(asin);
  }

  /**
   * The result list of a query, best first. A first word `<r>`, `<c>` or `<q>` asks for random products, those of a category and those of
   * a product query. `<a>` finds nothing: WebShop's text environment fails on it, as on `<c>` without a category.
   */
  search(query: string, random: () => PythonRandom): readonly Product[] {
    const [first, ...rest] = query.split(' ');
    const wanted = pythonStrip(rest.join(' '));
    if (first === '<r>') return random().sample(this.products, Math.min(maxHits, this.products.length));
    if (first === '<a>') return [];
    if (first === '<c>') {
      const category = pythonStrip(rest[0] ?? '');
      return this.products.filter((product) => product.category === category);
    }
    if (first === '<q>') return this.products.filter((product) => product.query === wanted);
    return this.index.search(query, maxHits).map((hit) => this.products[hit.document] as Product);
  }
}
