import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GeneratedCatalogue } from '../../../lib/env/webshop/catalogue/generated-catalogue.ts';
import { type ImportProgress, importCatalogue } from '../../../lib/env/webshop/catalogue/import-catalogue.ts';
import { TextShop } from '../../../lib/env/webshop/text-shop/text-shop.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { webshopData } from '../../fixtures/webshop-data.ts';
import { zip } from '../zip-writer.ts';

const root = mkdtempSync(join(tmpdir(), 'astarpo-import-'));
afterAll(() => rmSync(root, { recursive: true }));

const records = [...new GeneratedCatalogue(300, 1).records()];
const products = JSON.stringify([
  ...records.map(({ product }) => product),
  { ...records[0]?.product },
  { ...records[1]?.product, asin: 'nan' },
]);
const attributes = JSON.stringify(Object.fromEntries(records.map(({ product, attributes }) => [product.asin, attributes])));

function folder(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
  return path;
}

/** What a descriptor of this process stands for; empty for one that was closed in the meantime. */
function linkOf(descriptor: string): string {
  const path = `/proc/self/fd/${descriptor}`;
  return existsSync(path) ? readlinkSync(path) : '';
}

describe('an imported catalogue', () => {
  const plain = { 'items_shuffle_1000.json': products, 'items_ins_v2_1000.json': attributes };
  let source = '';
  beforeAll(() => {
    source = folder('plain', plain);
  });

  async function summary(data: string): Promise<unknown> {
    const env = await WebShopEnv.open({ data });
    const found = Array.from(env.shop.search(records[5]?.product.query ?? '', () => expect.fail()));
    return [[...env.shop.goals], [...env.shop.products], found];
  }

  test('holds no file open that it could not be opened with', { skip: process.platform !== 'linux' }, async () => {
    const out = join(root, 'unopened');
    await importCatalogue({ sources: [source], out });
    const held = () => readdirSync('/proc/self/fd').filter((file) => linkOf(file).startsWith(out));
    await expect(WebShopEnv.open({ data: out, humanGoals: true })).rejects.toMatchObject({ code: 'ASTARPO_DATA' });
    await expect(WebShopEnv.open({ data: out, productCount: 7 })).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
    await expect(TextShop.open({ data: out, filterGoals: () => false })).rejects.toMatchObject({ code: 'ASTARPO_TASKS' });
    expect(held()).toEqual([]);
    const env = await WebShopEnv.open({ data: out });
    expect(held()).toHaveLength(1);
    await env.close();
    expect(held()).toEqual([]);
  });

  test('is the shop of its files, packed or not', async () => {
    const expected = await summary(source);
    const packed = {
      gz: { 'items_shuffle.json.gz': gzipSync(products), 'items_ins_v2.json': attributes },
      zip: {
        'items_shuffle.json.zip': zip([{ name: 'x/items_shuffle.json', data: Buffer.from(products) }]),
        'items_ins_v2.json.gz': gzipSync(attributes),
      },
    };
    const stages = new Set<string>();
    const onProgress = ({ stage }: ImportProgress) => stages.add(stage);
    for (const [name, files] of [['plain', plain] as const, ...Object.entries(packed)]) {
      const from = folder(name, files);
      const out = join(root, `${name}-imported`);
      expect(await importCatalogue({ sources: [from], out, onProgress })).toEqual({ products: 300, skipped: 2, out });
      expect(await summary(out)).toEqual(expected);
    }
    expect([...stages]).toContain('index');
  });

  test('keeps the first entries when asked to', async () => {
    const out = join(root, 'few');
    await importCatalogue({ sources: [source], out, count: 20 });
    expect((await WebShopEnv.open({ data: out, productCount: 20 })).shop.products).toHaveLength(20);
  });

  test('may be asked for by its count of entries, though some were left out', async () => {
    const out = join(root, 'counted');
    await importCatalogue({ sources: [source], out, count: 302 });
    for (const productCount of [300, 302]) expect((await WebShopEnv.open({ data: out, productCount })).shop.products).toHaveLength(300);
    await expect(WebShopEnv.open({ data: out, productCount: 301 })).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
  });

  test('stays as it was when the next import fails', async () => {
    const out = join(root, 'stays');
    await importCatalogue({ sources: [source], out });
    const before = readdirSync(out).map((name) => [name, readFileSync(join(out, name))]);
    const broken = {
      'cut off': { ...plain, 'items_shuffle_1000.json': products.slice(0, -4000) },
      'cut off, packed': { 'items_shuffle.json.gz': gzipSync(products).subarray(0, -2000), 'items_ins_v2.json': attributes },
      'another file': { ...plain, 'items_ins_v2_1000.json': '["x"]' },
      'no product': { ...plain, 'items_shuffle_1000.json': '[]' },
      'a number as a product': { ...plain, 'items_shuffle_1000.json': '[1]' },
      'two catalogues': { ...plain, 'items_shuffle.json': products },
      'no attributes': { 'items_shuffle.json': products },
    };
    for (const [name, files] of Object.entries(broken)) {
      await expect(importCatalogue({ sources: [folder(name, files)], out }), name).rejects.toMatchObject({ code: 'ASTARPO_DATA' });
    }
    await expect(importCatalogue({ sources: [source], out, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ASTARPO_ABORTED',
    });
    await expect(importCatalogue({ sources: [join(root, 'nowhere')], out })).rejects.toMatchObject({ code: 'ASTARPO_DATA' });
    expect(readdirSync(out).map((name) => [name, readFileSync(join(out, name))])).toEqual(before);
    expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('replaces no folder of another kind', async () => {
    const out = folder('precious', { 'thesis.txt': 'x' });
    await expect(importCatalogue({ sources: [source], out })).rejects.toMatchObject({ code: 'ASTARPO_IO' });
  });
});

test.skipIf(webshopData === undefined)('the real 1,000 products are the same after an import', async () => {
  const out = join(root, 'real');
  await importCatalogue({ sources: [webshopData ?? ''], out });
  const [files, imported] = await Promise.all([WebShopEnv.open({ data: webshopData ?? '' }), WebShopEnv.open({ data: out })]);
  const withoutPeople = Array.from(imported.shop.products, ({ humanInstructions: _, ...product }) => product);
  expect(withoutPeople).toEqual([...files.shop.products]);
  expect(imported.shop.goals.at(6909)).toEqual(files.shop.goals.at(6909));
  expect(execFileSync('ls', [out]).toString().split('\n').filter(Boolean)).toEqual([
    'catalogue.json',
    'products.columns',
    'products.texts',
    'search.index',
  ]);
});
