import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateCatalogue } from '../../../lib/env/webshop/catalogue/generate-catalogue.ts';
import { importCatalogue } from '../../../lib/env/webshop/catalogue/import-catalogue.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import type { WebShopOptions } from '../../../lib/env/webshop/webshop-options.ts';
import { isAStarPOError } from '../../../lib/errors.ts';
import { zip } from '../zip-writer.ts';

const root = mkdtempSync(join(tmpdir(), 'astarpo-bad-files-'));
afterAll(() => rmSync(root, { recursive: true }));

const product = {
  asin: 'B000000001',
  name: 'Red Shoe',
  full_description: 'A shoe.',
  pricing: '$10.00',
  small_description: ['Soft'],
  product_category: 'a › b',
  category: 'fashion',
  query: 'shoes',
  customization_options: { Size: [{ value: '7' }, { value: '9' }] } as unknown,
};
const other = { ...product, asin: 'B000000002' };
const record = { attributes: ['soft sole'], instruction: 'Find me soft sole shoes', instruction_attributes: ['soft sole'] };
const records = { B000000001: record };
const good = JSON.stringify([product, other]);

type Content = string | Uint8Array;
let folders = 0;

function folder(files: Readonly<Record<string, Content>>): string {
  const path = join(root, `files${folders++}`);
  mkdirSync(path);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

const catalogue = (products: Content, attributes: Content = JSON.stringify(records)) =>
  folder({ 'items_shuffle_1000.json': products, 'items_ins_v2_1000.json': attributes });

async function imported(from: string): Promise<string> {
  const out = `${from}-imported`;
  await importCatalogue({ sources: [from], out });
  return out;
}

/** Opens a catalogue in memory and after an import, which must not differ. */
async function openBoth(from: string, options: WebShopOptions = {}): Promise<WebShopEnv> {
  const inMemory = await WebShopEnv.open({ ...options, data: from });
  const onDisk = await WebShopEnv.open({ ...options, data: await imported(from) });
  expect([...onDisk.shop.products].map(({ humanInstructions: _, ...rest }) => rest)).toEqual([...inMemory.shop.products]);
  expect([...onDisk.shop.goals]).toEqual([...inMemory.shop.goals]);
  await onDisk.close();
  return inMemory;
}

/** Both ways of reading refuse it, and say so in the same words. */
async function expectRefused(from: string, expected: readonly string[]): Promise<void> {
  for (const open of [() => WebShopEnv.open({ data: from }), async () => WebShopEnv.open({ data: await imported(from) })]) {
    const error = await open().catch((reason: unknown) => reason);
    if (!isAStarPOError(error, 'ASTARPO_DATA')) throw new Error('expected ASTARPO_DATA', { cause: error });
    for (const text of expected) expect(error.message).toContain(text);
    expect(error.hint).toBeDefined();
  }
  expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([]);
}

describe('a product', () => {
  const file = 'items_shuffle_1000.json';

  test.each([
    ['pricing', '$'],
    ['pricing', 'free'],
    ['pricing', '$1.2.3'],
    ['pricing', `$${'9'.repeat(400)}`],
    ['pricing', 19.99],
    ['asin', null],
    ['name', null],
    ['full_description', []],
    ['small_description', ['x', null]],
    ['query', {}],
    ['customization_options', { Size: 'x' }],
    ['customization_options', { Size: [null] }],
    ['customization_options', { Size: [{ value: 7 }] }],
  ])('with %s %j is refused by its file, place and field', async (field, value) => {
    const place = field === 'asin' ? 'product 1' : 'B000000001, product 1';
    const name = field === 'customization_options' ? 'option "Size"' : `"${field}"`;
    const found = field === 'customization_options' ? [name] : [name, 'got '];
    await expectRefused(catalogue(JSON.stringify([other, { ...product, [field]: value }])), [...found, `${place} of `, file]);
  });

  test.each([
    ['$10 to $20', '$10.0 to $20.0'],
    ['$1,299.99', '$1299.99'],
    ['', '$100.0'],
    [null, '$100.0'],
    ['$0.00001', '$1e-05'],
  ])('for %j costs %s', async (pricing, text) => {
    const env = await openBoth(catalogue(JSON.stringify([{ ...product, pricing }])));
    expect(env.shop.products.at(0).priceText).toBe(text);
  });

  test('has options with quotes, line ends, brackets and the names of buttons', async () => {
    const values = ['a"b\n[c]', "it's", 'Buy Now', 'Search', '', '\ud800', '7 / 8'].map((value) => ({ value }));
    const env = await openBoth(
      catalogue(JSON.stringify([{ ...product, customization_options: { 'si"ze\n[x]': values, __proto__x: null } }])),
    );
    expect([...env.shop.products.at(0).options]).toEqual([
      ['si"ze\n[x]', ['a"b\n[c]', "it's", 'buy now', 'search', '', '\ud800', '7  |  8']],
    ]);
    expect(env.tasks('all').length).toBe(7);
    const episode = env.openNow(env.tasks('all').at(0), 0n);
    await episode.step('search[shoe]');
    await episode.step('click[b000000001]');
    // An action ends with its line, so this value can be seen and not clicked.
    expect((await episode.step('click[a"b\n[c]]')).valid).toBe(false);
    expect((await episode.step("click[it's]")).valid).toBe(true);
    expect((await episode.step('click[buy now]')).done).toBe(true);
  });

  test('has its options in the order of the file, even where names are numbers', async () => {
    const options = '{"size": [{"value": "7"}], "2": [{"value": "b"}], "1": null, "color": [{"value": "c"}], "0": [{"value": "d"}]}';
    const { customization_options: _, ...rest } = product;
    const text = `[${JSON.stringify(other)}, {"customization_options": ${options}, ${JSON.stringify(rest).slice(1)}]`;
    const env = await openBoth(catalogue(text));
    expect([...env.shop.products.at(1).options.keys()]).toEqual(['size', '2', 'color', '0']);
    expect(env.tasks('all').at(0).instruction).toContain('with 0: d, and 2: b, and color: c, and size: 7');
  });

  test('named like what all objects have is a product, and one without a usable name is left out', async () => {
    const asins = ['__proto__', 'toString', 'nan', 'B0000000012', 'B\0', 'B000000001', 'B000000001'];
    const env = await openBoth(catalogue(JSON.stringify(asins.map((asin) => ({ ...product, asin })))));
    expect([...env.shop.products].map(({ asin }) => asin)).toEqual(['__proto__', 'toString', 'B000000001']);
  });

  test('called like a button is found, and clicking it does what the button does', async () => {
    const env = await openBoth(catalogue(JSON.stringify([{ ...product, asin: '< prev' }, product])));
    const episode = env.openNow(env.tasks('all').at(0), 0n);
    await episode.step('search[shoe]');
    expect((await episode.step('click[< prev]')).observation?.text).toContain('Page 0 (Total results: 2) [SEP] Next >');
    expect((await episode.step('click[next >]')).observation?.text).toContain('[SEP] < prev [SEP] Red Shoe');
  });

  test('of more option values than goals can be counted is refused', async () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`o${i}`, [{ value: 'a' }, { value: 'b' }]]));
    await expectRefused(catalogue(JSON.stringify([{ ...product, customization_options: many }])), ['goals', 'B000000001']);
  });

  test.each([
    [{ ...record, instruction_attributes: [] }, 'expected at least one text in "instruction_attributes"'],
    [{ ...record, instruction_attributes: undefined }, 'expected an array as "instruction_attributes"'],
    [{ ...record, instruction: 5 }, 'expected text as "instruction"'],
    [{ attributes: [1] }, 'expected texts as "attributes"'],
    [null, 'expected an object as the attribute record'],
  ])('with the attribute record %j is refused', async (entry, message) => {
    await expectRefused(catalogue(good, JSON.stringify({ B000000001: entry })), [message, 'B000000001 in ', 'items_ins_v2_1000.json']);
  });
});

describe('a product file', () => {
  test.each<[string, Content, string]>([
    ['is empty', '', 'got an empty file'],
    ['has no products', '[]', 'expected products'],
    ['has no usable products', JSON.stringify([{ ...product, asin: 'nan' }]), 'expected products'],
    ['is cut off', good.slice(0, -20), 'got the end of the file at byte'],
    ['is a web page', '<!DOCTYPE html>', 'this is a web page'],
    ['is in UTF-16', Buffer.from(`\ufeff${good}`, 'utf16le'), 'this is UTF-16'],
    ['has bytes that are no UTF-8', Buffer.from(good.replace('Red', 'R\xff'), 'latin1'), 'expected UTF-8'],
    ['has what Python writes for no number', good.replace('"$10.00"', 'NaN'), 'JSON has neither NaN nor Infinity'],
    ['ends twice', `${good}]`, 'expected the end of the file'],
    ['closes another bracket', good.replace(/]$/, '}'), 'expected ], got }'],
    ['is gzipped and cut off', gzipSync(good).subarray(0, -12), 'unexpected end of file'],
  ])('that %s is refused', async (_, content, message) => {
    await expectRefused(catalogue(content), [message]);
  });

  test('is read behind a byte order mark, with any line ends, packed under any name, deep as it may be', async () => {
    const deep = good.replace('"asin"', `"page": ${'['.repeat(100_000)}${']'.repeat(100_000)}, "asin"`);
    for (const content of [`\ufeff${good}`, good.replaceAll(',', ',\r\n'), gzipSync(good), deep]) {
      expect((await openBoth(catalogue(content))).shop.products).toHaveLength(2);
    }
  });

  test('may be the only one of another size, or one of several with the usual one among them', async () => {
    const files = { 'items_shuffle.json': good, 'items_ins_v2.json.gz': gzipSync(JSON.stringify(records)) };
    expect((await openBoth(folder(files))).shop.products).toHaveLength(2);
    const both = folder({ ...files, 'items_shuffle_1000.json': JSON.stringify([product]) });
    expect((await WebShopEnv.open({ data: both })).shop.products).toHaveLength(1);
    const two = folder({ ...files, 'items_shuffle_7.json': good });
    await expectRefused(two, ['expected one file of products']);
  });
});

describe('an import', () => {
  const attributes = JSON.stringify(records);

  test('of a file that is named, and not by one of the original’s names, is refused', async () => {
    const from = folder({ 'mine.json': good, 'items_ins_v2.json': attributes });
    const sources = [join(from, 'mine.json'), join(from, 'items_ins_v2.json')];
    await expect(importCatalogue({ sources, out: `${from}-out` })).rejects.toMatchObject({
      code: 'ASTARPO_DATA',
      message: expect.stringContaining('mine.json'),
    });
  });

  test('of the first entries of an archive leaves nothing of it, and is named by what it kept', async () => {
    const pack = (text: string) => zip([{ name: 'items_shuffle.json', data: Buffer.from(text) }, ...macCompanion]);
    const macCompanion = [{ name: '__MACOSX/._items_shuffle.json', data: Buffer.from('x') }];
    const keys: unknown[] = [];
    for (const name of ['Red Shoe', 'Blue Shoe']) {
      const products = JSON.stringify([{ ...product, name }, other]);
      const from = folder({ 'items_shuffle.json.zip': pack(products), 'items_ins_v2.json': attributes });
      const out = `${from}-out`;
      for (let round = 0; round < 2; round++) await importCatalogue({ sources: [from], out, count: 1 });
      expect(readdirSync(out).sort()).toEqual(['catalogue.json', 'products.columns', 'products.texts', 'search.index']);
      keys.push((await WebShopEnv.open({ data: out })).config.catalogue);
    }
    expect(keys[0]).not.toBe(keys[1]);
  });

  test.each([0, -1, 1.5, Number.NaN])('of %d entries is refused', async (count) => {
    await expect(importCatalogue({ sources: [root], out: join(root, 'none'), count })).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
  });

  test('waits for no other into the same folder, and disturbs no shop that is open there', async () => {
    const from = catalogue(good);
    const out = await imported(from);
    const env = await WebShopEnv.open({ data: out });
    const next = catalogue(JSON.stringify([{ ...product, name: 'Hat' }]));
    const results = await Promise.allSettled([1, 2].map(() => importCatalogue({ sources: [next], out })));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'ASTARPO_BUSY' } });
    expect([...env.shop.products].map(({ title }) => title)).toEqual(['Red Shoe', 'Red Shoe']);
    expect((await WebShopEnv.open({ data: out })).shop.products.at(0).title).toBe('Hat');
    await env.close();
    expect(() => env.shop.products.at(1)).toThrow(expect.objectContaining({ code: 'ASTARPO_DISPOSED' }));
  });

  test('into a file, or a folder inside one, is refused with what to do', async () => {
    const from = catalogue(good);
    const file = join(from, 'items_shuffle_1000.json');
    for (const out of [file, join(file, 'x')]) {
      await expect(importCatalogue({ sources: [from], out })).rejects.toMatchObject({ code: 'ASTARPO_IO', hint: expect.any(String) });
    }
    expect(readdirSync(from).sort()).toEqual(['items_ins_v2_1000.json', 'items_shuffle_1000.json']);
  });
});

describe('an imported folder', () => {
  const [whole, foreign] = [join(root, 'whole'), join(root, 'foreign')];
  const work = join(root, 'work');
  let truth = '';

  async function summary(data: string): Promise<string> {
    const env = await WebShopEnv.open({ data });
    try {
      const { products, goals, index } = env.shop;
      const listed = [...products].map((product) => ({ ...product, options: [...product.options] }));
      return JSON.stringify([listed, [...goals], [...goals.weights()], [...index.vocabulary()], index.search('black red size')]);
    } finally {
      await env.close();
    }
  }

  beforeAll(async () => {
    await generateCatalogue({ out: whole, products: 12, seed: 1 });
    await generateCatalogue({ out: foreign, products: 12, seed: 2 });
    truth = await summary(whole);
  });

  async function expectRefusedOrSame(file: string, what: string, bytes: Uint8Array | undefined): Promise<'same' | 'refused'> {
    rmSync(work, { recursive: true, force: true });
    cpSync(whole, work, { recursive: true });
    if (bytes === undefined) rmSync(join(work, file));
    else writeFileSync(join(work, file), bytes);
    try {
      expect(await summary(work), `${file}, ${what}`).toBe(truth);
      return 'same';
    } catch (error) {
      if (!isAStarPOError(error, 'ASTARPO_DATA')) throw error;
      expect(error.message, `${file}, ${what}`).toMatch(/import the catalogue again|import it again/);
      return 'refused';
    }
  }

  test.each(['catalogue.json', 'products.columns', 'products.texts', 'search.index'])('with another %s tells so', async (file) => {
    const bytes = readFileSync(join(whole, file));
    let refused = 0;
    for (let i = 0; i < 60; i++) {
      // More of them in the header than behind it.
      const at = i < 30 ? i * 9 : Math.floor((bytes.length * (i - 30)) / 30);
      const copy = Buffer.from(bytes);
      copy.writeUInt8((copy[at] ?? 0) ^ (1 << (i % 8)), at);
      if ((await expectRefusedOrSame(file, `bit ${i % 8} of byte ${at}`, copy)) === 'refused') refused++;
    }
    // What a manifest says of the sources changes nothing, nor do the zeros between header and arrays.
    expect(refused).toBeGreaterThan(file === 'catalogue.json' ? 20 : 57);
    for (const length of [0, 5, 12, 60, bytes.length >> 1, bytes.length - 2]) {
      expect(await expectRefusedOrSame(file, `cut to ${length}`, bytes.subarray(0, length))).toBe('refused');
    }
    expect(await expectRefusedOrSame(file, 'longer', Buffer.concat([bytes, Buffer.from('x')]))).toBe('refused');
    expect(await expectRefusedOrSame(file, 'another catalogue’s', readFileSync(join(foreign, file)))).toBe('refused');
    expect(await expectRefusedOrSame(file, 'missing', undefined)).toBe('refused');
  });

  test('that an import left aside when it was killed is named, and brought back by the next', async () => {
    const [out, aside] = [join(root, 'lost'), join(root, '.lost.0123abcd.old')];
    cpSync(whole, aside, { recursive: true });
    await expect(WebShopEnv.open({ data: out })).rejects.toMatchObject({ code: 'ASTARPO_DATA', hint: expect.stringContaining(aside) });
    const broken = folder({ 'items_shuffle.json': '[', 'items_ins_v2.json': '{}' });
    await expect(importCatalogue({ sources: [broken], out })).rejects.toMatchObject({ code: 'ASTARPO_DATA' });
    expect(await summary(out)).toBe(truth);
    expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('of another version says that', async () => {
    rmSync(work, { recursive: true, force: true });
    cpSync(whole, work, { recursive: true });
    const manifest = join(work, 'catalogue.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('webshop-catalogue-2', 'webshop-catalogue-1'));
    await expect(WebShopEnv.open({ data: work })).rejects.toMatchObject({
      code: 'ASTARPO_DATA',
      hint: expect.stringContaining('another version'),
    });
  });
});
