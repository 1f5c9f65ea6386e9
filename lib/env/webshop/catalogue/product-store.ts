import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { AStarPOError } from '../../../errors.ts';
import { ioError } from '../../../util/atomic-file.ts';
import { DisposeGuard } from '../../../util/dispose.ts';
import { RecentMap } from '../../../util/recent-map.ts';
import type { PythonRandom } from '../python/python-random.ts';
import { damaged, openBuffer, readFully, saveBuffer } from './buffer-file.ts';
import { asinLength, columnBytes, type ProductColumns, viewColumns } from './product-columns.ts';
import { combinationCount, type ProductSource, purchasePrices } from './product-source.ts';
import type { ListedProduct, Product } from './products.ts';

/*
 * A catalogue on disk: `products.texts` holds the products one after the other as JSON, `products.columns` what is needed of all of them at
 * once. Only the columns are read when it is opened.
 */

const format = 'product-columns-1';
const textsName = 'products.texts';
const columnsName = 'products.columns';
/** Texts of products kept parsed, in bytes: some thousand products, all of a small catalogue and some hundred pages of a large one. */
const mostKeptBytes = 1 << 26;
/** What even a short one counts for. */
const leastKeptBytes = 1 << 14;

/** Writes products to a folder one by one, in catalogue order. */
export class ProductStoreWriter {
  readonly #folder: string;
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  readonly #rows: Row[] = [];
  readonly #queries = new Map<string, number>();
  readonly #categories = new Map<string, number>();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #position = 0;

  private constructor(folder: string, file: FileHandle) {
    this.#folder = folder;
    this.#file = file;
  }

  static async create(folder: string): Promise<ProductStoreWriter> {
    const path = join(folder, textsName);
    try {
      return new ProductStoreWriter(folder, await open(path, 'w'));
    } catch (error) {
      throw ioError('write', path, error);
    }
  }

  get length(): number {
    return this.#rows.length;
  }

  /** Throws ASTARPO_IO. */
  async add(product: ListedProduct): Promise<void> {
    const text = Buffer.from(JSON.stringify({ ...product, options: [...product.options] }));
    const [low, high = Number.NaN] = product.priceRange;
    this.#rows.push({
      asin: product.asin,
      begin: this.#position,
      checksum: crc32(text),
      low,
      high,
      combinations: product.instruction === undefined ? 0 : Math.min(combinationCount(product), 2 ** 32 - 1),
      query: numberOf(this.#queries, product.query),
      category: numberOf(this.#categories, product.category),
      human: product.humanInstructions === undefined ? 0 : 1,
    });
    this.#position += text.length;
    this.#hash.update(text);
    this.#pending.push(text);
    this.#pendingBytes += text.length;
    if (this.#pendingBytes >= 1 << 22) await this.#flush();
  }

  /** Makes the store readable under the key that it returns: SHA-256 of all texts, in hex. Throws ASTARPO_IO. */
  async finish(): Promise<string> {
    await this.#flush();
    const key = this.#hash.digest('hex');
    try {
      await this.#file.sync();
    } catch (error) {
      throw ioError('write', join(this.#folder, textsName), error);
    }
    await this.#file.close();
    const buffer = new SharedArrayBuffer(columnBytes(this.#rows.length));
    fillColumns(viewColumns(buffer, this.#rows.length), this.#rows, this.#position);
    const details = { products: this.#rows.length, queries: [...this.#queries.keys()], categories: [...this.#categories.keys()] };
    await saveBuffer(join(this.#folder, columnsName), { format, key }, details, buffer);
    return key;
  }

  /** Lets go of the file; what was written is of no use. */
  async abandon(): Promise<void> {
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    const pieces = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      await this.#file.writeFile(Buffer.concat(pieces));
    } catch (error) {
      throw ioError('write', join(this.#folder, textsName), error);
    }
  }
}

interface Row {
  readonly asin: string;
  readonly begin: number;
  readonly checksum: number;
  readonly low: number;
  readonly high: number;
  readonly combinations: number;
  readonly query: number;
  readonly category: number;
  readonly human: number;
}

function fillColumns(columns: ProductColumns, rows: readonly Row[], end: number): void {
  rows.forEach((row, index) => {
    columns.begins[index] = row.begin;
    columns.checksums[index] = row.checksum;
    columns.lows[index] = row.low;
    columns.highs[index] = row.high;
    columns.combinations[index] = row.combinations;
    columns.queries[index] = row.query;
    columns.categories[index] = row.category;
    columns.human[index] = row.human;
    for (let i = 0; i < row.asin.length; i++) columns.asins[index * asinLength + i] = row.asin.charCodeAt(i);
  });
  columns.begins[rows.length] = end;
  const order = rows.map((_, index) => index).sort((x, y) => ((rows[x]?.asin ?? '') < (rows[y]?.asin ?? '') ? -1 : 1));
  columns.byAsin.set(order);
}

function numberOf(names: Map<string, number>, name: string): number {
  const number = names.get(name) ?? names.size;
  names.set(name, number);
  return number;
}

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
    const file = openBuffer(path, { format, key });
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
