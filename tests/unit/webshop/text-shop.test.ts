import { describe, expect, test } from 'vitest';
import { PythonRandom } from '../../../lib/env/webshop/python/python-random.ts';
import { openReal } from '../../../lib/env/webshop/shop/open-shop.ts';
import { purchaseCode } from '../../../lib/env/webshop/text-shop/session-record.ts';
import { TextShop } from '../../../lib/env/webshop/text-shop/text-shop.ts';
import type { TextShopOptions } from '../../../lib/env/webshop/text-shop/text-shop-options.ts';
import { WeightedDraw } from '../../../lib/env/webshop/text-shop/weighted-draw.ts';
import { resolveOptions } from '../../../lib/env/webshop/webshop-options.ts';
import { readJsonLines, webshopData } from '../../fixtures/webshop-data.ts';

const open = (options: TextShopOptions = {}): Promise<TextShop> =>
  TextShop.open({ synthetic: { categories: 2, productsPerCategory: 12 }, ...options });

/** The last segment-wise part of a page that names its instruction. */
function instructionOf(shop: TextShop): string {
  return shop.instructionText().replace(/^Instruction: ?/, '');
}

test('places are drawn by weight as the original draws them, its first place never', () => {
  const random = new PythonRandom(24);
  const weights = Array.from({ length: 50 }, () => random.below(11));
  expect(weights.join(' ')).toBe(
    '6 9 2 3 2 3 2 10 10 1 2 4 0 7 7 10 1 0 8 2 7 7 10 4 7 1 10 4 9 2 10 5 4 1 8 10 5 10 0 3 5 5 1 4 1 3 10 9 2 7',
  );
  const draw = new WeightedDraw(weights);
  expect([draw.draw(random), draw.draw(random), draw.draw(random)]).toEqual([44, 15, 36]);
  const pair = new WeightedDraw([1, 1]);
  expect(new Set(Array.from({ length: 100 }, () => pair.draw(random)))).toEqual(new Set([1]));
  expect(new WeightedDraw([3]).draw(random)).toBe(0);
});

test('the code of a purchase follows from the session’s name', () => {
  const codes = ['', 'ABC', '123', '1A1', '$%^ABC'].map(purchaseCode);
  expect(codes).toEqual(['DA39A3EE5E', '3C01BDBB26', '40BD001563', '10E7DB0A44', '5D5607D24E']);
});

describe('options', () => {
  test.each([
    [{ numPrevOb: 1 }, 'ASTARPO_UNKNOWN_OPTION', 'did you mean numPrevObs?'],
    [{ splits: 'ragen' }, 'ASTARPO_UNKNOWN_OPTION', 'splits'],
    [{ numPrevObs: -1 }, 'ASTARPO_OPTION', 'numPrevObs'],
    [{ numPrevActions: 0.5 }, 'ASTARPO_OPTION', 'numPrevActions'],
    [{ limitGoals: 0 }, 'ASTARPO_OPTION', 'limitGoals'],
    [{ sessionPrefix: 3 }, 'ASTARPO_OPTION', 'sessionPrefix'],
    [{ filterGoals: 'all' }, 'ASTARPO_OPTION', 'filterGoals'],
    [{ seed: 1 }, 'ASTARPO_OPTION', 'data beside seed'],
    [{ random: 4 }, 'ASTARPO_OPTION', 'PythonRandom'],
    [{ data: '/nowhere', synthetic: undefined, seed: 1, priceSeed: 2 }, 'ASTARPO_OPTION', 'seed and priceSeed'],
    [{ filterGoals: () => false }, 'ASTARPO_TASKS', 'filterGoals'],
  ])('%j is refused', async (options, code, message) => {
    const error = await open(options as TextShopOptions).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe('sessions', () => {
  test('with numbers are goals, from the end if negative, and names that were used keep theirs', async () => {
    const shop = await open();
    shop.reset(3);
    const third = instructionOf(shop);
    expect(shop.record()).toMatchObject({ session: '3', goalIndex: 3, goal: { instruction: third } });
    shop.reset(-1);
    expect(shop.record('-1')?.goalIndex).toBe(shop.goals - 1);
    shop.reset('3');
    expect(instructionOf(shop)).toBe(third);
    shop.reset('lucky');
    const { goalIndex } = shop.record('lucky') ?? {};
    for (const name of [0, null, 'lucky']) shop.reset(name);
    expect(shop.record()?.goalIndex).toBe(goalIndex);
    // A text that looks like a number draws.
    expect((await open()).record('4')).toBeUndefined();
  });

  test.each([72.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9, -1e9, -0.5])('refuse goal %d, and stay where they are', async (index) => {
    const shop = await open();
    const { session } = shop;
    expect(() => shop.reset(index)).toThrow(expect.objectContaining({ code: 'ASTARPO_TASKS', message: expect.stringContaining('from -') }));
    expect(shop.session).toBe(session);
    expect(shop.record(String(index))).toBeUndefined();
  });

  test('have a prefix, and a made-up name of ten letters', async () => {
    const shop = await open({ sessionPrefix: 'worker 7 ' });
    expect(shop.session).toMatch(/^worker 7 [a-z]{10}$/);
    shop.reset(-2);
    expect(shop.session).toBe('worker 7 -2');
    expect(shop.record()?.goalIndex).toBe(shop.goals - 2);
    expect(shop.state.url).toBe('http://127.0.0.1:3000/worker 7 -2');
  });

  test('remember a purchase through resets, and what was done since the search page', async () => {
    const shop = await open();
    shop.reset(5);
    const { goal } = shop.record() ?? {};
    if (goal === undefined || !('named' in goal.options)) throw new Error('expected a goal with named options');
    const step = (action: string) => shop.step(action);
    await step(`search[${goal.title}]`);
    await step(`click[${goal.asin}]`);
    await step('click[features]');
    expect(shop.record()).toMatchObject({ keywords: goal.title.split(' '), page: 1, asin: goal.asin, done: false });
    await step('click[< prev]');
    for (const value of goal.options.named.values()) await step(`click[${value}]`);
    const { reward, done, info, observation } = await step('click[buy now]');
    expect({ reward, done, info }).toEqual({ reward: 1, done: true, info: null });
    expect(observation).toContain('Thank you for shopping with us!');
    expect(shop.availableActions()).toEqual({ hasSearchBar: false, clickables: [] });
    const bought = shop.record();
    expect(Object.fromEntries(bought?.actions ?? [])).toEqual({ search: 1, asin: 1, Features: 1, options: 2, purchase: 1 });
    expect(bought).toMatchObject({
      done: true,
      reward: 1,
      options: goal.options.named,
      verboseInfo: { r_type: 1, r_option: 1, w_price: 0.2 },
    });
    // The original goes on after the purchase, and so does this.
    expect(await step('click[buy now]')).toMatchObject({ reward: 0, done: false, observation });
    expect((await step(`search[${goal.query}]`)).observation).toContain('Page 1 (Total results: ');
    expect(shop.record()).toMatchObject({ done: true, asin: null, asins: new Set([goal.asin]) });
    shop.reset('5');
    expect(shop.record()).toMatchObject({
      done: true,
      reward: 1,
      keywords: null,
      page: null,
      asin: null,
      asins: new Set(),
      options: new Map(),
    });
    expect(shop.record()?.actions.size).toBe(0);
  });

  test('tell earlier observations and actions, oldest first', async () => {
    const shop = await open({ numPrevObs: 2, numPrevActions: 1 });
    const o0 = shop.reset(1);
    const { observation: first } = await shop.step('click[nothing]');
    expect(first).toBe(`${o0} [SEP] click[nothing] [SEP] ${o0}`);
    const { observation: second } = await shop.step('search[shoes]');
    expect(second).toBe(`${o0} [SEP] ${o0} [SEP] search[shoes] [SEP] ${shop.observation}`);
    expect(shop.reset(1)).toBe(o0);
    expect((await shop.step('x')).observation).toBe(`${o0} [SEP] x [SEP] ${o0}`);
  });

  test('show an assigned instruction, which stays with the goals that it was shown for', async () => {
    const shop = await open();
    const before = shop.reset(0);
    shop.assignInstruction('buy me a hat');
    expect(shop.observation).toBe(before);
    expect(shop.reset(0)).toContain('[SEP] buy me a hat [SEP]');
    expect((await shop.step('search[hat]')).observation).toContain('Instruction: [SEP] buy me a hat [SEP]');
    expect(shop.instructionText()).toBe('Instruction:buy me a hat');
    shop.assignInstruction(undefined);
    shop.reset(1);
    expect(instructionOf(shop)).not.toContain('hat');
    expect(shop.reset('0')).toContain('buy me a hat');
  });

  test('take one step at a time', async () => {
    const shop = await open();
    const first = shop.step('search[shoes]');
    expect(() => shop.reset()).toThrow(expect.objectContaining({ code: 'ASTARPO_BUSY' }));
    await expect(shop.step('search[hats]')).rejects.toMatchObject({ code: 'ASTARPO_BUSY' });
    await first;
    await expect(shop.step(3 as unknown as string)).rejects.toMatchObject({ code: 'ASTARPO_ENVIRONMENT' });
    expect((await shop.step('click[back to search]')).observation).toContain('WebShop');
  });
});

test('goals are filtered by their place in the shuffled order, then limited by draws', async () => {
  const all = await open();
  const indices: number[] = [];
  const some = await open({
    filterGoals: (index, goal) => {
      indices.push(index);
      return goal.priceUpper < 60;
    },
  });
  expect(indices).toEqual(Array.from({ length: all.goals }, (_, i) => i));
  expect(some.goals).toBeLessThan(all.goals);
  some.reset(0);
  expect(some.record()?.goal.priceUpper).toBeLessThan(60);
  const few = await open({ limitGoals: 5 });
  expect(few.goals).toBe(5);
  expect((await open({ limitGoals: 1e6 })).goals).toBe(all.goals);
});

describe.skipIf(webshopData === undefined)('the real 1,000 products', () => {
  const real = (options: TextShopOptions = {}) => TextShop.open({ data: webshopData ?? '', ...options });

  test('loaded with seed 4 have the prices, bounds and first sessions of the original', async () => {
    const shop = await real({ random: fromConsole(4) });
    const names: [string, number | undefined][] = [];
    for (let i = 0; i < 4; i++) {
      names.push([shop.session, shop.record()?.goalIndex]);
      shop.reset();
    }
    expect(names).toEqual([
      ['ihjvksdtfm', 5893],
      ['ayfoedaown', 5457],
      ['erjhquytqf', 3613],
      ['iyjkjzccmk', 2985],
    ]);
    expect(await rangePrices(fromConsole(4))).toEqual([22.41638868708408, 24.202169050876662, 4.90551357969559]);
    const bounds = { B07B6DVG41: 70, B087TR48KK: 30, B08ZRR3DZT: 40, B09B7G7P58: 350, B08XQRDDT1: 40, B07MGB73NJ: 40 };
    expect(boundsOf(await real({ random: fromConsole(4) }), Object.keys(bounds))).toEqual(bounds);
  });

  test('loaded with seed 42 have others', async () => {
    expect(await rangePrices(new PythonRandom(42))).toEqual([25.105414387663068, 17.240107552226668, 4.090117273476477]);
    const bounds = { B07B6DVG41: 70, B087TR48KK: 30, B08ZRR3DZT: 60, B09B7G7P58: 350, B08XQRDDT1: 50, B07MGB73NJ: 40 };
    expect(boundsOf(await real(), Object.keys(bounds))).toEqual(bounds);
  });

  test('in verl-agent’s order have all goals, in another order per seed', async () => {
    const [first, again, other] = await Promise.all([real({ seed: 42 }), real({ seed: 42 }), real({ seed: 43 })]);
    const asins = [first, again, other].map((shop) =>
      [0, 1, 2, 3].map((index) => {
        shop.reset(index);
        return shop.record()?.goal.asin;
      }),
    );
    expect(asins[0]).toEqual(asins[1]);
    expect(asins[0]).not.toEqual(asins[2]);
    expect(asins[0]).not.toEqual(['B0743JKHBV', 'B09QCP4579', 'B099WH1RTM', 'B09LSKQF8C']);
  });

  test('replay what was recorded, whatever the bound', async () => {
    const shop = await real();
    const withoutBound = (text: string) => text.replace(/, and price lower than [\d.]+ dollars/g, '');
    const recorded = readJsonLines<{ goal_idx: number; first_obs: string; steps: { action: string; obs?: string | null }[] }>(
      'replay_vectors.jsonl',
    );
    for (const { goal_idx, first_obs, steps } of recorded.slice(0, 60)) {
      expect(withoutBound(shop.reset(goal_idx))).toBe(withoutBound(first_obs));
      for (const { action, obs } of steps) {
        const { observation } = await shop.step(action);
        if (typeof obs === 'string') expect(withoutBound(observation)).toBe(withoutBound(obs));
      }
    }
  });
});

async function rangePrices(random: PythonRandom): Promise<(number | undefined)[]> {
  const { shop } = await openReal(webshopData ?? '', resolveOptions({ data: webshopData ?? '' }), random);
  return ['B08ZRR3DZT', 'B07MGB73NJ', 'B09PLBDCBY'].map((asin) => shop.product(asin)?.price);
}

/** The original's first print to a console takes one draw. */
function fromConsole(seed: number): PythonRandom {
  const random = new PythonRandom(seed);
  random.next32();
  return random;
}

function boundsOf(shop: TextShop, asins: readonly string[]): Record<string, number | undefined> {
  const found: Record<string, number> = {};
  for (let index = 0; index < shop.goals; index++) {
    shop.reset(index);
    const { asin, priceUpper } = shop.record()?.goal ?? {};
    if (asin !== undefined && asins.includes(asin) && priceUpper !== undefined) found[asin] = priceUpper;
  }
  return Object.fromEntries(asins.map((asin) => [asin, found[asin]]));
}
