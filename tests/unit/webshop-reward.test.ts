import { describe, expect, test } from 'vitest';
import type { Goal } from '../../lib/env/webshop/catalogue/goals.ts';
import { colorOfPair, normalizeColor } from '../../lib/env/webshop/normalize.ts';
import { pythonPair } from '../../lib/env/webshop/python-text.ts';
import { scorePurchase, titleNouns } from '../../lib/env/webshop/reward.ts';
import { tokenSetRatio } from '../../lib/env/webshop/token-set-ratio.ts';
import { WebShopEnv } from '../../lib/env/webshop/webshop-env.ts';
import { readJsonLines, webshopData } from '../fixtures/webshop-data.ts';

// Scores of thefuzz 0.19.0 over difflib.
test.each([
  ['essential oil', 'essential oils', 96],
  ['tea bag', 'tea tree', 60],
  ['powder snow', 'cool powder snow', 100],
  ['machine washable', 'machine wash', 86],
  ['rubber outsole', 'rubber sole', 88],
  ['non slip', 'slip ons', 88],
  ['hair dye', 'dry hair', 88],
  ['women', 'men', 75],
  ['7', '7.5', 100],
  ['xl', pythonPair('size', 'XL'), 100],
  ['large', pythonPair('size', 'x-large'), 100],
  ['x-large', pythonPair('size', 'xx-large'), 83],
  ['café', 'cafe', 86],
  ['a_b', 'a b', 67],
  ['black_style_99234', pythonPair('color', 'black_style_99445'), 75],
  ['!!!', 'x', 0],
  ['', 'x', 0],
])('compares %s with %s', (a, b, score) => {
  expect(tokenSetRatio(a, b)).toBe(score);
});

test('reads colours as WebShop does', () => {
  const cases = {
    '': '',
    'black forest': 'black',
    'violet lavender': 'lavender',
    'steelivy fuchsia': 'fuchsia',
    '123alabaster': 'alabaster',
  };
  for (const [text, color] of Object.entries({ ...cases, webshop: 'webshop', titanium: 'tan', 'xx-large': 'xx-large' })) {
    expect(normalizeColor(text)).toBe(color);
  }
  expect(colorOfPair('color', 'grey')).toBe('grey');
  expect(colorOfPair('color', 'dark grey')).toBeUndefined();
});

const goal: Goal = {
  asin: 'B000000001',
  category: 'beauty',
  query: 'Query 1',
  title: 'Name 1',
  productCategory: 'a › b › c',
  instruction: '',
  attributes: ['tea tree', 'essential oils', 'natural ingredients'],
  priceUpper: 40,
  options: {
    named: new Map([
      ['color', 'grey'],
      ['size', 'XL'],
    ]),
  },
};
const product = {
  title: 'Name 1',
  query: 'Query 1',
  productCategory: 'a › b › c',
  attributes: ['tea tree', 'essential oil', 'natural ingredients'],
  bullets: [] as string[],
  description: '',
};

describe('the reward', () => {
  test('is 1 for all that was asked, and loses a share for each thing missing', () => {
    expect(scorePurchase(product, goal, 35, ['grey', 'XL']).reward).toBe(1);
    expect(scorePurchase(product, goal, 40, ['grey', 'XL']).price).toBe(true);
    expect(scorePurchase(product, goal, 40.01, ['grey', 'XL']).reward).toBeCloseTo(5 / 6, 12);
    expect(scorePurchase(product, goal, 35, ['grey']).reward).toBeCloseTo(5 / 6, 12);
    expect(scorePurchase(product, goal, 35, [])).toMatchObject({ options: 0, attributes: 1 });
  });

  test('finds attributes in bullets and description', () => {
    const bare = {
      ...product,
      attributes: [],
      bullets: ['This shampoo has essential oils and smells like lemons'],
      description: 'Best shampoo on the market, made with natural ingredients',
    };
    expect(scorePurchase(bare, goal, 35, ['grey', 'XL']).attributes).toBe(2 / 3);
    const unrelated = { ...product, attributes: ['tea bag', 'earl gray', 'lipton'] };
    expect(scorePurchase(unrelated, goal, 35, []).attributes).toBe(0);
  });

  test('has no option part for a goal without options, and compares listed values by their colour', () => {
    const listed = (...values: string[]): Goal => ({ ...goal, options: { values } });
    expect(scorePurchase(product, listed(), 35, []).options).toBeUndefined();
    expect(scorePurchase(product, listed('grey', 'XL', 'pack of 12'), 35, ['pack of 12', 'grey', 'XL']).options).toBe(1);
    expect(scorePurchase(product, listed('grey', 'XL', 'pack of 12'), 35, ['pack of 12', 'blue', 'XL']).options).toBe(2 / 3);
    expect(scorePurchase(product, listed('cool powder snow', 'XL'), 35, ['powder snow', 'XL']).options).toBe(1);
    expect(scorePurchase(product, listed('blue | red'), 35, ['red']).options).toBe(0);
    const named: Goal = { ...goal, options: { named: new Map([['color', 'blue | red']]) } };
    expect(scorePurchase(product, named, 35, ['red']).options).toBe(1);
  });

  test('shrinks with the kind of product', () => {
    const other = { ...product, title: 'Other thing', query: 'Query 2' };
    expect(scorePurchase({ ...product, query: 'Query 2', productCategory: 'd › e › f' }, goal, 35, []).typeFactor).toBe(1);
    expect(scorePurchase(other, goal, 35, []).typeFactor).toBe(0);
    const categories = { 'b › c › a': true, 'd › e › f': false, 'a › d › b': true, 'a › a › b': true, 'a › a › d': false };
    for (const [productCategory, matches] of Object.entries(categories)) {
      expect(scorePurchase({ ...product, productCategory }, goal, 35, []).categoryMatch).toBe(matches);
    }
    const many = { ...goal, title: 'one two three four five six seven eight' };
    const apart = { ...product, query: 'Query 2', productCategory: 'd › e › f' };
    expect(scorePurchase({ ...apart, title: 'one' }, many, 35, [])).toMatchObject({ titleScore: 1 / 8, typeFactor: 0.5 });
  });
});

test('takes the words of a title for nouns, except those that cannot be', () => {
  expect(titleNouns('Mens D.O.N. Issue 2 Sneakers - Off White for the Non-Slip')).toEqual(
    'mens d o n issue sneakers white non slip'.split(' '),
  );
});

describe.skipIf(webshopData === undefined)('recorded with the original', () => {
  test('token set ratios', () => {
    const vectors = readJsonLines<{ a: string; b: string; score: number }>('token_set_ratio_vectors.jsonl');
    expect(vectors.filter(({ a, b, score }) => tokenSetRatio(a, b) !== score)).toEqual([]);
    expect(vectors).toHaveLength(2000);
  });

  test('colours', () => {
    const vectors = readJsonLines<{ x: string | [string, string]; result: unknown }>('normalize_color_vectors.jsonl');
    expect(vectors).toHaveLength(500);
    for (const { x, result } of vectors) expect(typeof x === 'string' ? normalizeColor(x) : (colorOfPair(...x) ?? x)).toEqual(result);
  });

  test('rewards, with the nouns that the recording used', async () => {
    const { shop } = await WebShopEnv.open({ data: webshopData ?? '' });
    const goals = readJsonLines<{ goal: RecordedGoal }>('reward_goals.jsonl').map(({ goal }) => goalOf(goal));
    const vectors = readJsonLines<RecordedReward>('reward_vectors.jsonl');
    expect(vectors).toHaveLength(4000);
    for (const { goal_idx, purchased_asin, options, price, purchased_nouns, goal_nouns, reward, info } of vectors) {
      const bought = shop.product(purchased_asin);
      const wanted = goals[goal_idx];
      if (bought === undefined || wanted === undefined) throw new Error(`unknown product or goal in the recording: ${purchased_asin}`);
      const nounLists = [purchased_nouns, goal_nouns];
      const score = scorePurchase(bought, wanted, price, Object.values(options), () => nounLists.shift() ?? []);
      const { r_type, r_att, r_option, r_price, query_match, category_match, title_score } = info;
      expect(score).toEqual({
        reward,
        typeFactor: r_type,
        attributes: r_att,
        options: r_option,
        price: r_price,
        queryMatch: query_match,
        categoryMatch: category_match,
        titleScore: title_score,
      });
    }
  });
});

interface RecordedGoal {
  asin: string;
  category: string;
  query: string;
  name: string;
  product_category: string;
  instruction_text: string;
  attributes: string[];
  price_upper: number;
  goal_options: string[] | Record<string, string>;
  weight: number;
}

interface RecordedReward {
  goal_idx: number;
  purchased_asin: string;
  options: Record<string, string>;
  price: number;
  purchased_nouns: string[];
  goal_nouns: string[];
  reward: number;
  info: {
    r_type: number;
    r_att: number;
    r_option?: number;
    r_price: boolean;
    query_match: boolean;
    category_match: boolean;
    title_score: number;
  };
}

function goalOf(recorded: RecordedGoal): Goal {
  const { goal_options: options, name, product_category, instruction_text, price_upper, ...rest } = recorded;
  return {
    ...rest,
    title: name,
    productCategory: product_category,
    instruction: instruction_text,
    priceUpper: price_upper,
    options: Array.isArray(options) ? { values: options } : { named: new Map(Object.entries(options)) },
  };
}
