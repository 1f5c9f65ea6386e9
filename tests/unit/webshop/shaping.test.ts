import { beforeAll, describe, expect, it, test } from 'vitest';
import type { StepResult } from '../../../lib/env/environment.ts';
import type { Goal } from '../../../lib/env/webshop/catalogue/goals.ts';
import type { Product } from '../../../lib/env/webshop/catalogue/products.ts';
import { contentTerms, coveredShare } from '../../../lib/env/webshop/scoring/content-words.ts';
import type { ActionFacts, TurnFacts } from '../../../lib/env/webshop/scoring/scoring.ts';
import { type ShapingChoice, shapingOf } from '../../../lib/env/webshop/scoring/shapings.ts';
import type { Page } from '../../../lib/env/webshop/shop/session.ts';
import { WebShopEnv, type WebShopTask } from '../../../lib/env/webshop/webshop-env.ts';
import type { WebShopOptions } from '../../../lib/env/webshop/webshop-options.ts';

const goal: Goal = {
  ...{ asin: 'B0TARGET00', category: 'fashion', query: 'shoes', title: 'Red Wool Shoe', productCategory: 'clothing › women › shoes' },
  instruction: 'Find me machine washable, soft shoes with wool with color: red, and size: 7.5, and price lower than 40.00 dollars',
  ...{ attributes: ['wool'], priceUpper: 40, options: { named: new Map(Object.entries({ color: 'red', size: '7.5' })) } },
};
const task: WebShopTask = { id: 'webshop_0', index: 0, instruction: goal.instruction, goal };

const product = (changes: Partial<Product> = {}): Product => ({
  ...{ asin: goal.asin, title: goal.title, description: '', bullets: [], category: 'fashion', productCategory: goal.productCategory },
  ...{ query: 'shoes', attributes: ['wool'], options: new Map(), priceText: '$10.0', price: 10 },
  ...changes,
});
const other = product({ asin: 'B0OTHER000' });
const lamp = product({ asin: 'B0LAMP0000', query: 'lamps', productCategory: 'home › lamps › desk' });

const results = (...shown: Product[]): Page => ({ kind: 'results', number: 1, total: shown.length, shown });
const item = (shown: Product, chosen: Record<string, string> = {}): Page => ({
  kind: 'item',
  product: shown,
  chosen: new Map(Object.entries(chosen)),
});

/** A turn of one action that leads to `after`, or to nothing. */
const did = (action: string, after?: Page): TurnFacts => {
  const fact: ActionFacts = {
    ...{ action, outcome: after === undefined ? 'nothing' : 'page' },
    ...{ before: { kind: 'search' }, after: after ?? { kind: 'search' } },
  };
  return { formatted: true, actions: [fact], score: undefined, over: false };
};
const bought = (shown: Product, reward: number, chosen: Record<string, string> = {}): TurnFacts => {
  const score = {
    ...{ reward, typeFactor: 1, attributes: 1, options: 1, price: true },
    ...{ queryMatch: true, categoryMatch: true, titleScore: 1 },
  };
  const page: Page = { kind: 'done', product: shown, chosen: new Map(Object.entries(chosen)), score };
  return { ...did('click[buy now]', page), score, over: true };
};
const silent: TurnFacts = { formatted: false, actions: [], score: undefined, over: false };

const paidFor = (choice: ShapingChoice, turns: readonly TurnFacts[]) => {
  const episode = shapingOf(choice).begin(task);
  return turns.map((turn) => episode.pay(turn));
};

describe('content words', () => {
  it('are the search terms of the wish alone', () => {
    expect([...contentTerms(goal)].sort()).toEqual(['7.5', 'machin', 'red', 'shoe', 'soft', 'washabl', 'wool']);
    const human = { instruction: 'i am looking for a pair of red shoes', priceUpper: 1_000_000, options: { values: ['red'] } };
    expect([...contentTerms(human)].sort()).toEqual(['pair', 'red', 'shoe']);
    expect(coveredShare(contentTerms(human), 'Red SHOES, red shoe')).toBeCloseTo(2 / 3, 12);
    expect(coveredShare(contentTerms({ ...human, instruction: 'find me any' }), 'red')).toBe(0);
  });
});

describe('hand-computed sequences', () => {
  const trip = [
    did('search[ab]', results()),
    did('search[red shoes]', results(other)),
    did('click[B0OTHER000]', item(other)),
    did('look around'),
    silent,
    bought(other, 0.5),
  ];
  test.each<[ShapingChoice, readonly number[]]>([
    ['step-cost', [-0.1, -0.1, -0.1, -0.1, -0.1, -0.1]],
    [{ name: 'step-cost', cost: 0.02 }, [-0.02, -0.02, -0.02, -0.02, -0.02, -0.02]],
    ['seed-text', [0, 0, 0.1, -0.1, -0.1, 0.1]],
    [{ name: 'seed-text', search: 0.3 }, [0.2, 0.2, 0.1, -0.1, -0.1, 0.1]],
    ['seed-code', [0, 0.1, 0.2, -0.05, -0.05, 0.05]],
    // Red and shoe are 2 of 7 words, ab is none of them; the right kind is opened in the third turn.
    ['partial-credit', [0, 0.2 / 7, 0.1, 0, 0, 0]],
    [{ name: 'partial-credit', search: 0.7, kind: 1 }, [0, 0.2, 1, 0, 0, 0]],
    ['potential', [0, 0.2 / 7, 0.1, 0, 0, -0.1 - 0.2 / 7]],
    // Φ: 0, 0, 0.2, 1.2, 1.2, 1.2, 0.
    [{ name: 'potential', search: 0.7, kind: 1, discount: 0.5 }, [0, 0.1, 0.4, -0.6, -0.6, -1.2]],
    ['process', [0, 0, 0.3, 0, 0, 0]],
  ])('%j', (choice, expected) => {
    const paid = paidFor(choice, trip);
    expect(paid).toHaveLength(expected.length);
    for (const [place, value] of expected.entries()) expect(paid[place]).toBeCloseTo(value, 12);
  });

  it('several actions of one turn are paid one by one', () => {
    const both = {
      ...silent,
      formatted: true,
      actions: [did('search[red shoes]', results(other)), did('click[x]')].flatMap((turn) => turn.actions),
    };
    expect(paidFor('step-cost', [both])[0]).toBeCloseTo(-0.2, 12);
    expect(paidFor('seed-text', [both])[0]).toBeCloseTo(0.1, 12);
  });

  it('the sum of seed-code stays within its bounds, and moves again only when the unclamped one is back inside', () => {
    const unknown = did('hm');
    const low = paidFor('seed-code', [unknown, unknown, unknown, did('search[shoes]', results(other))]);
    for (const [place, value] of [-0.05, -0.05, 0, 0.05].entries()) expect(low[place]).toBeCloseTo(value, 12);
    const clicks = paidFor('seed-code', Array(12).fill(did('click[x]', results(other))));
    for (const [place, value] of clicks.entries()) expect(value).toBeCloseTo(place < 10 ? 0.2 : 0, 12);
  });

  it('process pays each level once, up to the full score', () => {
    const way = [
      did('search[lamp]', results(lamp)),
      did('search[shoes]', results(lamp, product())),
      did('click[B0LAMP0000]', item(lamp)),
      did('click[B0TARGET00]', item(product())),
      did('click[red]', item(product(), { color: 'red' })),
      did('click[7.5]', item(product(), { color: 'red', size: '7.5' })),
    ];
    const chosen = { color: 'red', size: '7.5' };
    const levels = (last: TurnFacts, weight = 1) => paidFor({ name: 'process', weight }, [...way, last]);
    for (const [place, value] of [0, 0.3, 0, 0.2, 0, 0.1, 0.4].entries())
      expect(levels(bought(product(), 1, chosen))[place]).toBeCloseTo(value, 12);
    expect(levels(bought(product(), 0.75, chosen))[6]).toBeCloseTo(0.2, 12);
    // Another product with the full score is as good as the one that was meant; a poor one earns nothing more.
    expect(levels(bought(other, 1))[6]).toBeCloseTo(0.4, 12);
    expect(levels(bought(lamp, 0.1))[6]).toBe(0);
    expect(levels(bought(product(), 1, chosen), 0.5)[6]).toBeCloseTo(0.2, 12);
  });

  it('credit is never paid twice', () => {
    const again = [did('search[red shoes]', results(other)), did('click[B0OTHER000]', item(other))];
    const paid = paidFor('partial-credit', [...again, ...again, ...again]);
    expect(paid.slice(2)).toEqual([0, 0, 0, 0]);
  });
});

describe('in the synthetic shop', () => {
  const small = { synthetic: { categories: 2, productsPerCategory: 10 } };
  let title = '';
  let target = '';
  let values: readonly string[] = [];
  const play = async (options: WebShopOptions, actions: readonly string[]): Promise<StepResult[]> => {
    const env = await WebShopEnv.open({ ...small, ...options });
    const episode = env.openNow(env.tasks('train').at(0), 0n);
    return actions.map((action) => episode.step(action));
  };
  beforeAll(async () => {
    const env = await WebShopEnv.open(small);
    const first = env.tasks('train').at(0).goal;
    target = first.asin;
    title = env.shop.product(target)?.title ?? '';
    values = 'named' in first.options ? [...first.options.named.values()] : first.options.values;
  });

  it('dense rewards with the final one only if all is right: binary and seed-text', async () => {
    const options = { scoring: 'binary', shaping: 'seed-text' } as const;
    const way = [`search[${title}]`, `click[${target}]`];
    const right = await play(options, [...way, ...values.map((value) => `click[${value}]`), 'click[buy now]']);
    expect(right.at(-1)?.reward).toBeCloseTo(1.1, 12);
    expect(right.reduce((total, { reward }) => total + reward, 0)).toBeCloseTo(1 + 0.1 * (values.length + 2), 12);
    expect(values.length).toBeGreaterThan(0);
    const careless = await play(options, [...way, 'click[buy now]']);
    expect(careless.at(-1)?.reward).toBeCloseTo(0.1, 12);
    expect(careless.at(-1)?.rewards?.score).toBeGreaterThan(0.3);
  });

  it('the model is told the score and never what is paid, whatever the style', async () => {
    const told = async (options: WebShopOptions) => {
      const steps = await play(
        { style: 'ragen', ...options },
        ['search', 'click'].map((word) => `<think></think><answer>${word}[${title}]</answer>`),
      );
      return steps.map(({ observation }) => observation);
    };
    expect(await told({ scoring: 'ragen', shaping: ['process', 'step-cost'] })).toEqual(await told({}));
  });

  it('signals follow the episode, turn by turn, and change no reward', async () => {
    const actions = ['search[zzz]', `search[${title}]`, 'click[nowhere]', `click[${target}]`, ...values.map((value) => `click[${value}]`)];
    const steps = await play({ signals: true }, [...actions, 'click[description]', 'click[< prev]', 'click[buy now]']);
    const plain = await play({}, [...actions, 'click[description]', 'click[< prev]', 'click[buy now]']);
    expect(steps.map(({ reward, rewards }) => ({ reward, rewards }))).toEqual(plain.map(({ reward, rewards }) => ({ reward, rewards })));
    expect(plain.map(({ info }) => info)).toEqual(plain.map(() => undefined));
    const signals = steps.map(({ info }) => info?.signals as Record<string, number | boolean>);
    expect(signals[0]).toEqual({
      ...{ query: 0, bestQuery: 0, options: 0, pages: 1 },
      ...{ targetShown: false, targetOpened: false, kindOpened: false },
    });
    expect(signals[1]).toMatchObject({ targetShown: true, targetOpened: false, kindOpened: false, pages: 2 });
    expect(signals[1]?.query).toBeGreaterThan(0.3);
    expect(signals[2]).toEqual(signals[1]);
    expect(signals[3]).toMatchObject({ targetOpened: true, kindOpened: true, options: 0, pages: 3 });
    expect(signals[3 + values.length]).toMatchObject({ options: 1, pages: 3 });
    expect(signals.at(-1)).toMatchObject({ targetShown: true, targetOpened: true, kindOpened: true, options: 1, pages: 6 });
  });
});
