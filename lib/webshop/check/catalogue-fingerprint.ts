import { createHash } from 'node:crypto';
import type { Shop } from '../../env/webshop/shop/shop.ts';

/** Products and goals that are looked at; a full catalogue has millions. */
const most = 10_000;

/**
 * Names what a shop sells and asks for, however its files are packed: SHA-256, in hex, over the numbers of products and goals, and over the
 * first 10,000 of each.
 */
export function catalogueFingerprint({ products, goals }: Shop): string {
  const hash = createHash('sha256').update(`${products.length} ${goals.length}`);
  for (let number = 0; number < Math.min(products.length, most); number++) {
    const { asin, title, description, bullets, productCategory, query, attributes, options, priceText } = products.at(number);
    hash.update(JSON.stringify([asin, title, description, bullets, productCategory, query, attributes, [...options], priceText]));
  }
  for (let index = 0; index < Math.min(goals.length, most); index++) {
    const { asin, instruction, priceUpper } = goals.at(index);
    hash.update(JSON.stringify([asin, instruction, priceUpper]));
  }
  return hash.digest('hex');
}
