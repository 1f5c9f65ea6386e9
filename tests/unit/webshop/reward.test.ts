import { describe, expect, test } from 'vitest';
import type { Goal } from '../../../lib/env/webshop/catalogue/goals.ts';
import { pythonPair } from '../../../lib/env/webshop/python/python-text.ts';
import { colorOfPair, normalizeColor } from '../../../lib/env/webshop/reward/normalize.ts';
import { scorePurchase as score } from '../../../lib/env/webshop/reward/reward.ts';
import { tokenSetRatio } from '../../../lib/env/webshop/reward/token-set-ratio.ts';
import { ruleNouns } from '../../../lib/env/webshop/titles/rule-nouns.ts';

type Purchase = Parameters<typeof score>;
const scorePurchase = (...[product, goal, price, chosen]: [Purchase[0], Purchase[1], Purchase[2], Purchase[3]]) =>
  score(product, goal, price, chosen, ruleNouns);

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
  // 100 · (46 / 80) is 57.49999999999999 in doubles.
  ['x'.repeat(23), 'x'.repeat(23) + 'y'.repeat(34), 57],
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

  // The original's own test of the whole score.
  test('of a purchase that lacks some of everything is the original’s', () => {
    // Bullets given as one text count as its characters there.
    const bullets = [...'This shampoo has essential oils and smells like lemons'];
    const bare = { ...product, attributes: [], bullets, description: 'Best shampoo on the market, made with natural ingredients' };
    expect(scorePurchase(bare, goal, 35, ['grey', 'XL']).reward).toBeCloseTo(4 / 6, 12);
    const named = new Map(Object.entries({ color: 'grey', size: 'XL', amount: 'pack of 12' }));
    const more = { ...goal, options: { named } };
    expect(scorePurchase(bare, more, 35, ['grey', 'XL']).reward).toBeCloseTo(4 / 7, 12);
    const title = 'BRST AC Power Cord Outlet Socket Cable Plug Lead for Panasonic SC-HT830V DVD/VCR Combo Home Theater System';
    const wanted = 'Saireed UL Listed 2 Prong Power Cord for JBL Bar 3.1 Bar 2.1 Channel 4K Ultra HD Soundbar';
    const other = { ...bare, title, query: 'Query 2', productCategory: 'a › d › e' };
    expect(scorePurchase(other, { ...more, title: wanted }, 35, ['grey', 'XL'])).toMatchObject({ typeFactor: 0.5, reward: 2 / 7 });
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
