import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import type { WebShopOptions } from '../../../lib/env/webshop/webshop-options.ts';
import { readJsonLines, webshopData } from '../../fixtures/webshop-data.ts';

const small = { synthetic: { categories: 2, productsPerCategory: 10 } };

describe('options', () => {
  test.each([
    [{ layuot: 'full' }, 'ASTARPO_UNKNOWN_OPTION', 'did you mean layout?'],
    [{ synthetic: { categoris: 2 } }, 'ASTARPO_UNKNOWN_OPTION', 'did you mean categories?'],
    [{ layout: 'ful' }, 'ASTARPO_OPTION', 'did you mean full?'],
    [{ synthetic: { categories: 31 } }, 'ASTARPO_OPTION', 'from 1 to 30'],
    [{ synthetic: { seed: 0.5 } }, 'ASTARPO_OPTION', 'an integer'],
    [{ synthetic: { testShare: Number.NaN } }, 'ASTARPO_OPTION', 'NaN'],
    [{ data: '/nowhere', synthetic: {} }, 'ASTARPO_OPTION', 'got both'],
    [{ priceSeed: 4 }, 'ASTARPO_OPTION', 'expected data beside priceSeed'],
    [{ data: '/nowhere' }, 'ASTARPO_DATA', 'items_shuffle_1000.json or an imported catalogue at /nowhere'],
    [{ data: '/nowhere', productCount: 0 }, 'ASTARPO_OPTION', 'productCount'],
  ])('%j is refused', async (options, code, message) => {
    const error = await WebShopEnv.open(options as WebShopOptions).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('an unknown split is an error that names those that exist, and so is a place beyond the end', async () => {
    const env = await WebShopEnv.open(small);
    expect(() => env.tasks('tset')).toThrow(expect.objectContaining({ code: 'ASTARPO_TASKS', message: expect.stringContaining('test') }));
    expect(() => env.tasks('constructor')).toThrow(expect.objectContaining({ code: 'ASTARPO_TASKS' }));
    const tasks = env.tasks('test');
    expect(() => tasks.at(tasks.length)).toThrow(expect.objectContaining({ code: 'ASTARPO_TASKS' }));
    expect(() => tasks.at(-1)).toThrow(expect.objectContaining({ code: 'ASTARPO_TASKS' }));
  });

  test('all that changes behaviour is in the config', async () => {
    const configs = await Promise.all(
      [{}, { layout: 'full' as const }, { showAttributes: true }, { synthetic: { ...small.synthetic, seed: 1 } }].map(async (options) =>
        JSON.stringify((await WebShopEnv.open({ ...small, ...options })).config),
      ),
    );
    expect(new Set(configs).size).toBe(4);
    expect(JSON.stringify((await WebShopEnv.open(small)).config)).toBe(configs[0]);
  });

  test('an aborted signal opens nothing', async () => {
    const env = await WebShopEnv.open(small);
    const task = env.tasks('all').at(0);
    await expect(env.open(task, { seed: 0n, signal: AbortSignal.abort() })).rejects.toThrow();
    expect((await env.open(task, { seed: 0n, signal: new AbortController().signal })).first.text).toContain(task.instruction);
  });
});

describe('a catalogue folder', () => {
  let folder = '';
  const product = {
    asin: 'B000000001',
    name: 'Red Shoe',
    full_description: '',
    pricing: '$10.00$20.00',
    small_description: 'One bullet',
    product_category: 'a › b',
    category: 'fashion',
    query: ' Shoes ',
    customization_options: { Size: [{ value: ' 7 / 8 ' }, { value: '9' }], Color: null },
  };
  const others = [
    { ...product, name: 'the same asin again' },
    { ...product, asin: 'nan' },
    { ...product, asin: 'B0000000012' },
    { ...product, asin: 'B000000002', pricing: '', customization_options: '' },
  ];
  const record = { attributes: ['soft sole'], instruction: 'Find me soft sole shoes', instruction_attributes: ['soft sole'] };
  const human = { instruction: '..i want shoes.', instruction_attributes: ['soft sole'], instruction_options: ['9'] };

  const put = (name: string, value: unknown): Promise<void> =>
    writeFile(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'astarpo-shop-'));
    await put('items_shuffle_1000.json', [product, ...others]);
    await put('items_ins_v2_1000.json', { B000000001: record });
    await put('items_human_ins.json', { B000000001: [human, { ...human, instruction_attributes: [] }] });
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('loads by the rules of the shop', async () => {
    const { shop } = await WebShopEnv.open({ data: folder });
    expect([...shop.products].map(({ asin }) => asin)).toEqual(['B000000001', 'B000000002']);
    const [first, second] = [...shop.products];
    expect(first).toMatchObject({ title: 'Red Shoe', query: 'shoes', priceText: '$10.0 to $20.0', bullets: ['One bullet'] });
    expect([...(first?.options ?? [])]).toEqual([['size', ['7  |  8', '9']]]);
    expect(first?.price).toBeGreaterThan(10);
    expect(first?.price).toBeLessThan(20);
    expect(second).toMatchObject({ price: 100, priceText: '$100.0', attributes: ['DUMMY_ATTR'] });
    expect(shop.goals).toHaveLength(2);
    expect([...shop.goals].map(({ instruction }) => instruction.replace(/\d+\.00/, '_')).sort()).toEqual([
      'Find me soft sole shoes with size: 7  |  8, and price lower than _ dollars',
      'Find me soft sole shoes with size: 9, and price lower than _ dollars',
    ]);
  });

  test('has human goals, if they are asked for', async () => {
    const env = await WebShopEnv.open({ data: folder, humanGoals: true });
    expect(env.tasks('all').length).toBe(1);
    expect(env.tasks('all').at(0).instruction).toMatch(/^i want shoes, and price lower than \d+\.00 dollars$/);
  });

  test.each([
    ['items_shuffle_1000.json', '[{"asin": "B0', 'got the end of the file at byte'],
    ['items_shuffle_1000.json', '{}', 'expected an array'],
    ['items_shuffle_1000.json', '[{"asin": 3}]', 'expected text as "asin" of product 0 of '],
    ['items_ins_v2_1000.json', '[]', 'expected an object'],
    ['items_ins_v2_1000.json', '{}', 'expected goals'],
  ])('is refused when %s holds %s', async (name, text, message) => {
    const broken = await mkdtemp(join(tmpdir(), 'astarpo-shop-'));
    try {
      for (const [file, value] of Object.entries({
        'items_shuffle_1000.json': [product],
        'items_ins_v2_1000.json': { B000000001: record },
      })) {
        await writeFile(join(broken, file), file === name ? text : JSON.stringify(value));
      }
      const error = await WebShopEnv.open({ data: broken }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ASTARPO_DATA', message: expect.stringContaining(message) });
    } finally {
      await rm(broken, { recursive: true });
    }
  });
});

describe.skipIf(webshopData === undefined)('the real 1,000 products', () => {
  const open = (options: WebShopOptions = {}): Promise<WebShopEnv> => WebShopEnv.open({ data: webshopData ?? '', ...options });
  const withoutPrice = (text: string): string => text.replace(/, and price lower than [\d.]+ dollars$/, '');

  test('have the goals of published work, in its order', async () => {
    const { shop } = await open();
    expect(shop.products).toHaveLength(1000);
    expect(shop.goals).toHaveLength(6910);
    const hash = (lines: string[]): string => createHash('sha256').update(lines.join('')).digest('hex');
    expect(hash([...shop.goals].map(({ asin }) => `${asin}\n`))).toBe('5e4c60d9ea8ef9b30b6a360d7c8a161a05305fa4c8a7090882b939623dbe918c');
    expect(hash([...shop.goals].map(({ asin, instruction }) => `${asin}\t${withoutPrice(instruction)}\n`))).toBe(
      '93af221828ea88873beeb172c147e68f9df1cc3ba626724c320a1427b60bffce',
    );
    expect(shop.goals.weights().reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(80.82163243001384, 9);
  });

  test('agree with recorded goals in attributes, options and weights', async () => {
    const { shop } = await open();
    const recorded = readJsonLines<{
      idx: number;
      asin: string;
      attributes: string[];
      goal_options: Record<string, string>;
      weight: number;
    }>('goals_1k_synthetic_seed233.sample.jsonl');
    for (const { idx, asin, attributes, goal_options, weight } of recorded) {
      const goal = shop.goals.at(idx);
      expect(goal).toMatchObject({ asin, attributes, options: { named: new Map(Object.entries(goal_options)) } });
      expect(shop.goals.weights()[idx]).toBeCloseTo(weight, 12);
    }
  });

  test('cost what the seed of the prices says', async () => {
    const { shop } = await open({ priceSeed: 42 });
    const ranges = [...shop.products].filter(({ priceText }) => priceText.includes(' to '));
    expect(ranges).toHaveLength(93);
    expect(ranges.slice(0, 3).map(({ price }) => price)).toEqual([25.105414387663068, 17.240107552226668, 4.090117273476477]);
    const other = await open({ priceSeed: 4 });
    expect(other.shop.product(ranges[0]?.asin ?? '')?.price).toBeCloseTo(21.878, 3);
    expect(other.config).not.toEqual((await open()).config);
  });

  test('are split into test, dev and train goals', async () => {
    const env = await open();
    expect(env.splits.map((split) => [split, env.tasks(split).length])).toEqual([
      ['train', 5410],
      ['dev', 1000],
      ['test', 500],
      ['all', 6910],
    ]);
    expect(env.tasks('train').at(0)).toMatchObject({ id: 'webshop_1500', index: 1500, goal: { asin: 'B07HRFSNL4' } });
    expect(env.tasks('all').at(1500)).toEqual(env.tasks('train').at(0));
  });

  test('have thirteen human goals, and fewer goals when fewer products are kept', async () => {
    expect((await open({ humanGoals: true })).tasks('all').length).toBe(13);
    const some = await open({ productCount: 100 });
    expect(some.shop.products).toHaveLength(100);
    expect(some.tasks('all').length).toBeLessThan(6910);
  });
});
