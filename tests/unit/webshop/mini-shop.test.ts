import { execFile } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { TextShop } from '../../../lib/env/webshop/text-shop/text-shop.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { AStarPOError } from '../../../lib/errors.ts';
import { checkEnvironment } from '../../../lib/webshop/check/check-environment.ts';

const example = new URL('../../../examples/mini-shop.json', import.meta.url).pathname;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-mini-'));
});

async function file(content: unknown): Promise<string> {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.json`);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const shoe = { id: 'shoe', title: 'Red Shoe', price: 20, category: 'Clothing > Shoes', options: { Size: ['40', '42 / wide', ' XL '] } };
const task = { id: 'buy-shoe', instruction: 'A red shoe, please.', product: 'shoe', attributes: ['Red'] };

async function refusal(content: unknown): Promise<AStarPOError> {
  const error = await WebShopEnv.open({ data: await file(content) }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AStarPOError) return error;
  throw new Error(`expected a refusal, got ${String(error)}`);
}

const withProduct = (changes: object) => ({ products: [{ ...shoe, ...changes }], tasks: [task] });
const withTask = (changes: object) => ({ products: [shoe], tasks: [{ ...task, ...changes }] });

describe('the file of a mini-shop', () => {
  it('becomes products, goals and splits in the order of the file', async () => {
    const tasks = [
      { ...task, options: { SIZE: 'xl' }, maxPrice: 25, split: 'train' },
      { id: 7, instruction: 'Any shoe.', category: 'Clothing › Shoes', options: ['40'], split: 'test' },
      { id: 'everywhere', instruction: 'Any shoe.', query: 'Shoes', split: 'all' },
    ];
    const env = await WebShopEnv.open({ data: await file({ products: [shoe, { ...shoe, id: 12, price: '$10 to $30' }], tasks }) });
    expect(env.options).toMatchObject({ layout: 'compact', titles: { name: 'rule 1' }, dataKind: 'file' });
    expect(env.config).toMatchObject({ products: 2, goals: 'listed', style: { name: 'numbered 1' } });
    const first = env.shop.products.at(0);
    expect(first).toMatchObject({
      asin: 'shoe',
      title: 'Red Shoe',
      category: 'clothing',
      productCategory: 'Clothing › Shoes',
      query: 'shoes',
    });
    expect([...first.options]).toEqual([['size', ['40', '42  |  wide', 'xl']]]);
    expect(env.shop.products.at(1)).toMatchObject({ asin: '12', priceText: '$10.0 to $30.0' });
    expect(env.shop.products.at(1).price).toBeGreaterThan(10);
    const all = env.tasks('all');
    expect([all.at(0).id, all.at(1).id, all.at(2).id]).toEqual(['buy-shoe', '7', 'everywhere']);
    expect(all.at(0).goal).toMatchObject({
      asin: 'shoe',
      attributes: ['red'],
      priceUpper: 25,
      options: { named: new Map([['size', 'xl']]) },
    });
    expect(all.at(1).goal).toMatchObject({ asin: '', category: 'clothing', query: 'shoes', options: { values: ['40'] } });
    const names = (split: string) => Array.from({ length: env.tasks(split).length }, (_, place) => env.tasks(split).at(place).id);
    expect({ train: names('train'), dev: names('dev'), test: names('test') }).toEqual({
      train: ['buy-shoe', 'everywhere'],
      dev: ['everywhere'],
      test: ['7', 'everywhere'],
    });
    expect(env.find('7')?.index).toBe(1);
    expect(env.find('webshop_0')).toBeUndefined();
  });

  it('divides tasks that name no split by their ids alone', async () => {
    const tasks = Array.from({ length: 20 }, (_, i) => ({ ...task, id: `t${i}` }));
    const splitsOf = async (list: typeof tasks) => {
      const env = await WebShopEnv.open({ data: await file({ products: [shoe], tasks: list }) });
      return ['train', 'dev', 'test'].map((split) =>
        Array.from({ length: env.tasks(split).length }, (_, place) => env.tasks(split).at(place).id).sort(),
      );
    };
    const [train, dev, test] = await splitsOf(tasks);
    expect([train?.length, dev?.length, test?.length]).toEqual([14, 2, 4]);
    expect(new Set([train, dev, test].flat()).size).toBe(20);
    expect(await splitsOf([...tasks].reverse())).toEqual([train, dev, test]);
    const [one, two, three] = await splitsOf(tasks.slice(0, 2));
    expect([one, two, three]).toEqual([one, one, one]);
    expect(one).toHaveLength(2);
  });

  it('has a config that changes with its contents and not with how they are laid out', async () => {
    const catalogue = async (content: unknown) => (await WebShopEnv.open({ data: await file(content) })).config.catalogue;
    const content = withTask({});
    const known = await catalogue(content);
    expect(await catalogue(`\uFEFF${JSON.stringify(content, null, 4)}`)).toBe(known);
    expect(await catalogue(withTask({ instruction: 'A red shoe.' }))).not.toBe(known);
    expect(await catalogue(withProduct({ description: 'soft' }))).not.toBe(known);
  });

  it('scores tasks without a target by their kind', async () => {
    const tasks = [{ id: 'any', instruction: 'any shoe below 30', category: 'Clothing › Shoes', maxPrice: 30 }];
    const hat = { id: 'hat', title: 'Blue Hat', price: 10, category: 'Clothing › Hats' };
    const env = await WebShopEnv.open({ data: await file({ products: [shoe, hat], tasks }) });
    const score = (buy: string) => {
      const episode = env.openNow(env.tasks('all').at(0), 0n);
      episode.step(`search ${buy}`);
      return episode.step('buy 1');
    };
    expect(score('shoe')).toMatchObject({ reward: 1, success: true, rewards: { r_type: 1, r_att: 1, r_price: 1 } });
    expect(score('hat')).toMatchObject({ reward: 0.5, success: false });
  });

  it('is as the documents show it', async () => {
    const page = await readFile(new URL('../../../docs/mini-shop.md', import.meta.url), 'utf8');
    const shown = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const env = await WebShopEnv.open({ data: await file(shown) });
    const episode = env.openNow(env.find('red-shoes') ?? env.tasks('dev').at(0), 0n);
    for (const said of ['search running shoes', 'click 1', 'click blue', 'click 4']) episode.step(said);
    expect(episode.step('buy')).toMatchObject({ reward: 1, success: true });
  });

  it('is opened by the example', async () => {
    const script = new URL('../../../examples/mini-shop.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script]);
    expect(stdout).toMatch(/^scripted shopper 0\.941, random player 0\.017, 0 faults\nTask: /);
    expect(stdout).toMatch(/Bought Packable rain jacket with hood\. Score 1\.00\.\nreward 1\n$/);
  });

  it('is a catalogue of the original interface, too', async () => {
    const shop = await TextShop.open({ data: example, seed: 3 });
    expect(shop.goals).toBe(67);
    const env = await WebShopEnv.open({ data: example });
    shop.reset(env.find('pan-iron-1')?.index ?? 0);
    await shop.step('search[cast iron pan]');
    await shop.step('click[pan-iron]');
    expect(await shop.step('click[buy now]')).toMatchObject({ done: true, reward: 0.75 });
    await shop.close();
  });

  it('refuses options that only folders have', async () => {
    await expect(WebShopEnv.open({ data: example, splits: 'paper' })).rejects.toThrow(
      /expected a folder as data beside splits, got the file/,
    );
    await expect(WebShopEnv.open({ data: example, humanGoals: true })).rejects.toThrow(/beside humanGoals/);
    await expect(WebShopEnv.open({ data: example, humanGoals: false })).resolves.toBeInstanceOf(WebShopEnv);
  });
});

describe('a wrong file', () => {
  it.each([
    ['no JSON', '{"products": [', /x?\.json: expected JSON, got /],
    ['a list', [], /expected an object with products and tasks, got an array/],
    ['missing lists', {}, /products: expected a list, got nothing[\s\S]*tasks: expected a list, got nothing/],
    ['no tasks', { products: [shoe], tasks: [] }, /tasks: expected at least one task/],
    ['an unknown key', withProduct({ titel: 'x' }), /products\[0\]: expected a known key, got "titel" \(did you mean title\?\)/],
    ['an unknown split', withTask({ split: 'tests' }), /tasks\[0\]\.split: expected one of .*, got "tests" \(did you mean test\?\)/],
    ['a missing title', withProduct({ title: undefined }), /products\[0\]\.title: expected text, got nothing/],
    ['an id with a blank', withProduct({ id: 'red shoe' }), /products\[0\]\.id: expected an id of 1 to 64 letters.*got "red shoe"/],
    ['a price in words', withProduct({ price: 'cheap' }), /products\[0\]\.price: expected a price such as 19\.99.*got "cheap"/],
    ['a price below nothing', withProduct({ price: -1 }), /products\[0\]\.price: expected a price from 0 to 1,000,000 dollars, got -1/],
    ['a range that falls', withProduct({ price: '$9 to $8' }), /expected the lower price of a range first, got "\$9 to \$8"/],
    [
      'a value with a bracket',
      withProduct({ options: { a: ['b[c'] } }),
      /products\[0\]\.options\.a\[0\]: expected a value without brackets/,
    ],
    ['a value that is a button', withProduct({ options: { a: ['Buy now'] } }), /expected a value that is not the name of a button/],
    [
      'one option twice',
      withProduct({ options: { a: ['b'], 'A ': ['c'] } }),
      /products\[0\]\.options: expected each option once, got "a" twice/,
    ],
    ['a lost key', '{"products": [], "tasks": [], "__proto__": 1}', /expected other keys, got "__proto__"/],
    [
      'an unknown product',
      withTask({ product: 'sho' }),
      /tasks\[0\]\.product: expected the id of a product, got "sho" \(did you mean shoe\?\)/,
    ],
    ['no target', withTask({ product: undefined }), /tasks\[0\]: expected product, or category or query/],
    ['two targets', withTask({ query: 'shoes' }), /tasks\[0\]: expected product alone, got query too/],
    ['a highest price of 0', withTask({ maxPrice: 0 }), /tasks\[0\]\.maxPrice: expected dollars above 0/],
    [
      'ids that differ in capitals',
      { products: [shoe, { ...shoe, id: 'Shoe' }], tasks: [task] },
      /products\[1\]\.id: .*"Shoe", as product 0 has/,
    ],
    ['a task twice', { products: [shoe], tasks: [task, task] }, /tasks\[1\]\.id: expected an id of its own, got "buy-shoe", as task 0 has/],
  ])('is refused for %s', async (_, content, message) => {
    const error = await refusal(content);
    expect(error.code).toBe('ASTARPO_DATA');
    expect(error.message).toMatch(message);
  });

  it('names a few problems at a time', async () => {
    const tasks = Array.from({ length: 9 }, (_, i) => ({ ...task, id: `t${i}`, product: `no-${i}` }));
    expect((await refusal({ products: [shoe], tasks })).message).toMatch(/tasks\[4\]\.product[\s\S]*and 4 more/);
  });

  it('is refused or played, whatever stands in it', async () => {
    const known = withTask({ options: { size: 'xl' }, maxPrice: 30 });
    const paths = (value: unknown, path: (string | number)[] = []): (string | number)[][] =>
      typeof value === 'object' && value !== null
        ? [path, ...Object.entries(value).flatMap(([key, part]) => paths(part, [...path, Array.isArray(value) ? Number(key) : key]))]
        : [path];
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    const part = fc.oneof(fc.jsonValue({ maxDepth: 2 }), text, fc.double(), fc.array(text), fc.dictionary(text, fc.array(text)));
    let played = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths(known).filter((path) => path.length > 0)), part, async (path, value) => {
        const changed = structuredClone(known);
        const last = path.at(-1) as string | number;
        Reflect.set(
          path.slice(0, -1).reduce<object>((inner, key) => Reflect.get(inner, key) as object, changed),
          last,
          value,
        );
        const report = await checkEnvironment({ data: await file(changed) }, { goals: 2 }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'ASTARPO_DATA' });
          return undefined;
        });
        if (report === undefined) return;
        played++;
        expect(report.determinism.difference).toBeUndefined();
        expect(report.perfect.differing).toEqual([]);
        expect([report.scripted.validRate, report.random.validRate]).toEqual([1, 1]);
      }),
      { numRuns: 250, seed: 7 },
    );
    expect(played).toBeGreaterThan(20);
  });

  it('is refused by its name when it is not there', async () => {
    await expect(WebShopEnv.open({ data: join(folder, 'none.json') })).rejects.toThrow(
      expect.objectContaining({ code: 'ASTARPO_IO', message: expect.stringMatching(/could not read .*none\.json: ENOENT/) }),
    );
  });
});
