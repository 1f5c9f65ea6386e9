import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { AStarPOError } from '../../../errors.ts';
import { ioError } from '../../../util/atomic-file.ts';
import { DisposeGuard } from '../../../util/dispose.ts';
import { RecentMap } from '../../../util/recent-map.ts';
import type { PythonRandom } from '../python/python-random.ts';
import { damaged, openBuffer, readFully } from './buffer-file.ts';
import { asinLength, columnBytes, columnsFormat, columnsName, type ProductColumns, textsName, viewColumns } from './product-columns.ts';
import { type ProductSource, purchasePrices } from './product-source.ts';
import type { Product } from './products.ts';

/** Texts of products kept parsed, in bytes: some thousand products, all of a small catalogue and some hundred pages of a large one. */
const mostKeptBytes = 1 << 26;
/** What even a short one counts for. */
const leastKeptBytes = 1 << 14;

/** Products of a folder that `ProductStoreWriter` wrote: columns in memory, texts read when they are asked for. */
export class ProductStore implements ProductSource {
  readonly prices: Float64Array;
  readonly instructed: { readonly products: Uint32Array; readonly combinations: Uint32Array };
  readonly humanInstructed: Uint32Array;
  readonly #columns: ProductColumns;
  readonly #queries: readonly string[];
  readonly #categories: readonly string[];
  readonly #path: string;
  readonly #file: number;
  readonly #kept = new RecentMap<number, Product>(mostKeptBytes, (index) => Math.max(leastKeptBytes, this.#bytesOf(index)));
  readonly #guard = new DisposeGuard('catalogue');

  private constructor(folder: string, columns: ProductColumns, names: { queries: string[]; categories: string[] }, random: PythonRandom) {
    this.#columns = columns;
    this.#queries = names.queries;
    this.#categories = names.categories;
    this.#path = join(folder, textsName);
    try {
      this.#file = openSync(this.#path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw ioError('read', this.#path, error);
      throw damaged(this.#path, 'expected the texts of the products, got no such file');
    }
    const { size } = fstatSync(this.#file);
    const expected = columns.begins.at(-1);
    if (size !== expected) {
      this.close();
      throw damaged(this.#path, `expected ${expected} bytes, got ${size}`);
    }
    this.prices = purchasePrices(rangesOf(columns), columns.lows.length, random);
    const products = this.#where(columns.combinations, (combinations) => combinations > 0);
    this.instructed = { products, combinations: products.map((index) => columns.combinations[index] ?? 0) };
    this.humanInstructed = this.#where(columns.human, (human) => human === 1);
  }

  /**
   * Opens a store; undefined where the folder has none made from `key`. `random` draws what price ranges cost. Throws ASTARPO_DATA for
   * damaged files, ASTARPO_IO.
   */
  static open(folder: string, key: string, random: PythonRandom): ProductStore | undefined {
    const path = join(folder, columnsName);
    const file = openBuffer(path, { format: columnsFormat, key });
    if (file === undefined) return undefined;
    const { products, queries, categories } = file.details;
    if (typeof products !== 'number' || !isTexts(queries) || !isTexts(categories) || file.buffer.byteLength !== columnBytes(products)) {
      throw damaged(path, 'expected the columns of a catalogue');
    }
    return new ProductStore(folder, viewColumns(file.buffer, products), { queries, categories }, random);
  }

  get length(): number {
    return this.#columns.lows.length;
  }

  /** Throws ASTARPO_DATA when the text is not the one that was written. */
  at(index: number): Product {
    return this.#kept.getOrMake(index, (number) => this.#read(number));
  }

  find(asin: string): number | undefined {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const index = this.#columns.byAsin[middle] as number;
      const own = this.#asin(index);
      if (own === asin) return index;
      if (own < asin) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  inCategory(category: string): Uint32Array {
    const number = this.#categories.indexOf(category);
    return this.#where(this.#columns.categories, (own) => own === number);
  }

  withQuery(query: string): Uint32Array {
    const number = this.#queries.indexOf(query);
    return this.#where(this.#columns.queries, (own) => own === number);
  }

  *[Symbol.iterator](): Generator<Product> {
    for (let index = 0; index < this.length; index++) yield this.#read(index);
  }

  /** Idempotent. What is read afterwards throws ASTARPO_DISPOSED. */
  close(): void {
    this.#guard.disposeNow(() => closeSync(this.#file));
  }

  #asin(index: number): string {
    const { asins } = this.#columns;
    let asin = '';
    for (let i = index * asinLength; i < (index + 1) * asinLength && asins[i] !== 0; i++) asin += String.fromCharCode(asins[i] as number);
    return asin;
  }

  #bytesOf(index: number): number {
    const { begins } = this.#columns;
    return (begins[index + 1] as number) - (begins[index] as number);
  }

  #read(index: number): Product {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new AStarPOError('ASTARPO_TASKS', `expected a product from 0 to ${this.length - 1}, got ${index}`);
    }
    this.#guard.check();
    const text = Buffer.allocUnsafe(this.#bytesOf(index));
    readFully(this.#file, this.#path, text, this.#columns.begins[index] as number);
    if (crc32(text) !== this.#columns.checksums[index])
      throw damaged(this.#path, `expected product ${index} as it was written, got other bytes`);
    const { options, ...rest } = JSON.parse(text.toString());
    return { ...rest, options: new Map(options), price: this.prices[index] };
  }

  #where(column: Uint32Array | Uint8Array, holds: (value: number) => boolean): Uint32Array {
    const found: number[] = [];
    for (let index = 0; index < column.length; index++) if (holds(column[index] as number)) found.push(index);
    return Uint32Array.from(found);
  }
}

function* rangesOf({ lows, highs }: ProductColumns): Generator<readonly [low: number, high?: number]> {
  for (let index = 0; index < lows.length; index++) {
    const low = lows[index] as number;
    const high = highs[index] as number;
    yield Number.isNaN(high) ? [low] : [low, high];
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
