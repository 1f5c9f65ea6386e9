import { describe, expect, test } from 'vitest';
import { GeneratedCatalogue } from '../../../lib/env/webshop/catalogue/generated-catalogue.ts';
import { listProducts, searchableText } from '../../../lib/env/webshop/catalogue/products.ts';
import { indexDocuments } from '../../../lib/env/webshop/search/index-builder.ts';

describe('a generated catalogue', () => {
  const catalogue = new GeneratedCatalogue(1000, 7);
  const records = [...catalogue.records()];
  const products = listProducts({
    products: records.map(({ product }) => product),
    attributes: Object.fromEntries(records.map(({ product, attributes }) => [product.asin, attributes])),
  });

  test('has records that depend on seed and place alone', () => {
    expect(catalogue.record(500)).toEqual(records[500]);
    expect(new GeneratedCatalogue(1000, 8).record(500)).not.toEqual(records[500]);
    expect(catalogue.searchQuery(3)).toBe(new GeneratedCatalogue(1000, 7).searchQuery(3));
  });

  test('is accepted by the loader of the real one, and has its statistics', () => {
    expect(products).toHaveLength(1000);
    const share = (holds: (product: (typeof products)[number]) => boolean) => products.filter(holds).length / 1000;
    // The real 1,000 products: 423 have options, 93 a range of prices, 89 no price, 415 an instruction.
    expect(share((product) => product.options.size > 0)).toBeCloseTo(0.48, 1);
    expect(share((product) => product.priceText.includes(' to '))).toBeCloseTo(0.093, 1);
    expect(share((product) => product.priceText === '$100.0')).toBeCloseTo(0.089, 1);
    expect(share((product) => product.instruction !== undefined)).toBeCloseTo(0.415, 1);
    const index = indexDocuments(products.map((product) => [product.asin, searchableText(product)] as const));
    // 107.6 terms a product, 12,074 different ones of which 60 % occur in one product.
    expect(index.counts.averageLength).toBeGreaterThan(80);
    expect(index.counts.averageLength).toBeLessThan(140);
    const once = [...index.vocabulary()].filter(([, documents]) => documents === 1).length;
    expect(once / index.counts.terms).toBeGreaterThan(0.4);
  });

  test('says what size it cannot have', () => {
    for (const count of [0, 1.5, -3, 1e9])
      expect(() => new GeneratedCatalogue(count)).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
  });
});
