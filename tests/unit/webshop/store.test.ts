import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GeneratedCatalogue } from '../../../lib/env/webshop/catalogue/generated-catalogue.ts';
import { GeneratedGoals, HumanGoals } from '../../../lib/env/webshop/catalogue/goals.ts';
import { ProductList } from '../../../lib/env/webshop/catalogue/product-source.ts';
import { ProductStore } from '../../../lib/env/webshop/catalogue/product-store.ts';
import { ProductStoreWriter } from '../../../lib/env/webshop/catalogue/product-store-writer.ts';
import { type ListedProduct, listProduct } from '../../../lib/env/webshop/catalogue/products.ts';
import { PythonRandom } from '../../../lib/env/webshop/python/python-random.ts';

const folder = mkdtempSync(join(tmpdir(), 'astarpo-store-'));
afterAll(() => rmSync(folder, { recursive: true }));

const listed: ListedProduct[] = [...new GeneratedCatalogue(400, 3).records()].map(({ product, attributes }, i) =>
  listProduct({ product, attributes, human: i % 50 === 0 ? [human(i)] : undefined }, product.asin),
);

function human(i: number): object {
  return { instruction: `.i want number ${i}.`, instruction_attributes: i === 0 ? [] : ['red'], instruction_options: ['blue'] };
}

let key = '';
beforeAll(async () => {
  const writer = await ProductStoreWriter.create(folder);
  for (const product of listed) await writer.add(product);
  key = await writer.finish();
});

describe('a catalogue on disk', () => {
  const inMemory = new ProductList(listed, new PythonRandom(5));
  const open = (): ProductStore => {
    const store = ProductStore.open(folder, key, new PythonRandom(5));
    if (store === undefined) throw new Error('expected a store');
    return store;
  };

  test('has the products of the one in memory, at the same prices', () => {
    const store = open();
    expect([...store]).toEqual([...inMemory]);
    expect(store.prices).toEqual(inMemory.prices);
    for (const index of [0, 399, 7, 0, 7]) expect(store.at(index)).toEqual(inMemory.at(index));
    for (const { asin } of inMemory) expect(store.find(asin)).toBe(inMemory.find(asin));
    expect(store.find('B00000ZZZZ')).toBeUndefined();
    for (const name of ['beauty', 'fashion', 'none']) expect([...store.inCategory(name)]).toEqual(inMemory.inCategory(name));
    const { query } = inMemory.at(9);
    expect([...store.withQuery(query)]).toEqual(inMemory.withQuery(query));
    store.close();
  });

  test('gives the same goals in the same order', () => {
    const store = open();
    for (const Goals of [GeneratedGoals, HumanGoals]) {
      const [theirs, ours] = [inMemory, store].map((products) => {
        const random = new PythonRandom(6);
        const goals = new Goals(products, random);
        goals.shuffle(random);
        return goals;
      });
      expect(ours?.length).toBeGreaterThan(5);
      expect([...(ours ?? [])]).toEqual([...(theirs ?? [])]);
      expect(ours?.weights()).toEqual(theirs?.weights());
    }
    store.close();
  });

  test('takes dots off the ends of people’s instructions, however many there are in between', () => {
    const [first] = listed;
    if (first === undefined) throw new Error('expected a product');
    const instruction = `..a${'.'.repeat(300_000)}b...`;
    const people = [{ instruction, attributes: ['x'], options: [] }];
    const random = new PythonRandom(1);
    const goals = new HumanGoals(new ProductList([{ ...first, humanInstructions: people }], random), random);
    expect(goals.at(0).instruction.slice(0, 300_002)).toBe(instruction.slice(2, -3));
  });

  test('is made anew from other files', () => {
    expect(ProductStore.open(folder, 'five hundred', new PythonRandom(5))).toBeUndefined();
  });

  test('is refused when its texts changed or are cut off', () => {
    const texts = join(folder, 'products.texts');
    const bytes = readFileSync(texts);
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
    writeFileSync(texts, bytes);
    const store = open();
    expect(() => store.at(0)).toThrow(expect.objectContaining({ code: 'ASTARPO_DATA' }));
    expect(store.at(1)).toEqual(inMemory.at(1));
    truncateSync(texts, bytes.length - 10);
    expect(open).toThrow(expect.objectContaining({ code: 'ASTARPO_DATA' }));
    expect(() => store.at(399)).toThrow(expect.objectContaining({ code: 'ASTARPO_DATA' }));
    store.close();
  });
});
