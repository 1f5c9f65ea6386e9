import type { PythonRandom } from '../python/python-random.ts';
import type { ListedProduct, Product } from './products.ts';

/**
 * The products of a shop by number, in catalogue order. Texts may lie on disk until they are asked for, so `at` may read a few kilobytes;
 * keep what it returns no longer than needed.
 */
export interface ProductSource extends Iterable<Product> {
  readonly length: number;
  at(index: number): Product;
  /** The number of a product, undefined for an unknown asin. */
  find(asin: string): number | undefined;
  /** Numbers of the products of a category, ascending. */
  inCategory(category: string): ArrayLike<number>;
  /** Numbers of the products that share a product query, ascending. */
  withQuery(query: string): ArrayLike<number>;
  /** Numbers of the products with a generated instruction, ascending, and how many combinations of option values each has. */
  readonly instructed: { readonly products: ArrayLike<number>; readonly combinations: ArrayLike<number> };
  /** Numbers of the products that people wrote instructions for, ascending. */
  readonly humanInstructed: ArrayLike<number>;
  /** [length]: what a purchase of each product costs, in dollars. */
  readonly prices: Float64Array;
  /** Lets go of files; idempotent. */
  close(): void;
}

/**
 * What each product costs for the life of a shop: its price, or for a range one draw from inside it, in product order, as the original
 * does when it starts.
 */
export function purchasePrices(ranges: Iterable<readonly [low: number, high?: number]>, count: number, random: PythonRandom): Float64Array {
  const prices = new Float64Array(count);
  let index = 0;
  for (const [low, high] of ranges) prices[index++] = high === undefined ? low : random.uniform(low, high);
  return prices;
}

/** How many choices of one value per option a product has. */
export function combinationCount(product: Pick<Product, 'options'>): number {
  return [...product.options.values()].reduce((count, values) => count * values.length, 1);
}

/** Products held in memory: for catalogues of some thousand. */
export class ProductList implements ProductSource {
  readonly prices: Float64Array;
  readonly instructed: { readonly products: readonly number[]; readonly combinations: readonly number[] };
  readonly humanInstructed: readonly number[];
  readonly #products: readonly Product[];
  readonly #numbers: ReadonlyMap<string, number>;

  /** `random` draws what the ranges cost. */
  constructor(listed: readonly ListedProduct[], random: PythonRandom) {
    const ranges = listed.map(({ priceRange }) => priceRange);
    this.prices = purchasePrices(ranges, listed.length, random);
    this.#products = listed.map((product, index) => ({ ...product, price: this.prices[index] ?? 0 }));
    this.#numbers = new Map(listed.map(({ asin }, index) => [asin, index]));
    const products = this.#where((product) => product.instruction !== undefined);
    this.instructed = { products, combinations: products.map((index) => combinationCount(this.at(index))) };
    this.humanInstructed = this.#where((product) => product.humanInstructions !== undefined);
  }

  get length(): number {
    return this.#products.length;
  }

  at(index: number): Product {
    return this.#products[index] as Product;
  }

  find(asin: string): number | undefined {
    return this.#numbers.get(asin);
  }

  inCategory(category: string): readonly number[] {
    return this.#where((product) => product.category === category);
  }

  withQuery(query: string): readonly number[] {
    return this.#where((product) => product.query === query);
  }

  [Symbol.iterator](): Iterator<Product> {
    return this.#products[Symbol.iterator]();
  }

  /** There are no files: nothing changes. */
  close(): void {}

  #where(holds: (product: Product) => boolean): number[] {
    return this.#products.flatMap((product, index) => (holds(product) ? [index] : []));
  }
}
