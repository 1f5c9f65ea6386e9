import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ioError } from '../../../util/atomic-file.ts';
import { saveBuffer } from './buffer-file.ts';
import { asinLength, columnBytes, columnsFormat, columnsName, type ProductColumns, textsName, viewColumns } from './product-columns.ts';
import { combinationCount } from './product-source.ts';
import type { ListedProduct } from './products.ts';

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
    await saveBuffer(join(this.#folder, columnsName), { format: columnsFormat, key }, details, buffer);
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
