/*
 * A catalogue on disk: one file holds the products one after the other as JSON, another the columns: what is needed of all of them at once.
 * Only the columns are read when it is opened.
 */

export const textsName = 'products.texts';
export const columnsName = 'products.columns';
export const columnsFormat = 'product-columns-1';

/** Characters of an asin at most; longer ones are never loaded. */
export const asinLength = 10;

/** What is needed of all products at once: arrays by product number, views of one buffer. */
export interface ProductColumns {
  /** [products + 1]: where each text begins, in bytes. */
  readonly begins: Float64Array;
  /** Price in dollars, or the lower end of a range. */
  readonly lows: Float64Array;
  /** Upper end of a range, NaN where there is one price. */
  readonly highs: Float64Array;
  /** CRC-32 of the text. */
  readonly checksums: Uint32Array;
  /** Goals of the generated instruction, 0 without one. */
  readonly combinations: Uint32Array;
  /** Numbers of product query and category. */
  readonly queries: Uint32Array;
  readonly categories: Uint32Array;
  /** Product numbers in ascending order of their asins. */
  readonly byAsin: Uint32Array;
  /** UTF-16 code units, `asinLength` a product, zeros behind shorter ones. */
  readonly asins: Uint16Array;
  /** 1 where people wrote instructions. */
  readonly human: Uint8Array;
}

/** Bytes that the columns of so many products take. */
export function columnBytes(products: number): number {
  return 8 * (3 * products + 1) + 4 * 5 * products + 2 * asinLength * products + products;
}

/** The columns in a buffer of `columnBytes(products)` bytes, wider elements first so that all are aligned. */
export function viewColumns(buffer: SharedArrayBuffer, products: number): ProductColumns {
  let at = 0;
  const take = (bytes: number): number => {
    const begin = at;
    at += bytes;
    return begin;
  };
  const doubles = (length: number) => new Float64Array(buffer, take(8 * length), length);
  const words = () => new Uint32Array(buffer, take(4 * products), products);
  return {
    begins: doubles(products + 1),
    lows: doubles(products),
    highs: doubles(products),
    checksums: words(),
    combinations: words(),
    queries: words(),
    categories: words(),
    byAsin: words(),
    asins: new Uint16Array(buffer, take(2 * asinLength * products), asinLength * products),
    human: new Uint8Array(buffer, take(products), products),
  };
}
