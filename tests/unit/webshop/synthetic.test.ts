import { describe, expect, test } from 'vitest';
import type { Agent } from '../../../lib/env/agent.ts';
import type { Observation } from '../../../lib/env/environment.ts';
import { observationText } from '../../../lib/env/observation-text.ts';
import { scorePurchase } from '../../../lib/env/webshop/reward/reward.ts';
import { tokenSetRatio } from '../../../lib/env/webshop/reward/token-set-ratio.ts';
import { analyze } from '../../../lib/env/webshop/search/analyzer.ts';
import { biasedShopper } from '../../../lib/env/webshop/shoppers/biased-shopper.ts';
import { catalogueTexts, shopTokenPattern } from '../../../lib/env/webshop/shoppers/catalogue-texts.ts';
import { randomValidAgent } from '../../../lib/env/webshop/shoppers/random-agent.ts';
import { readInstruction } from '../../../lib/env/webshop/shoppers/reading.ts';
import { scriptedShopper } from '../../../lib/env/webshop/shoppers/scripted-shopper.ts';
import { colors, featureGroups, materialGroups, nouns, sizes } from '../../../lib/env/webshop/synthetic/synthetic-words.ts';
import { ruleNouns } from '../../../lib/env/webshop/titles/rule-nouns.ts';
import { WebShopEnv, type WebShopTask } from '../../../lib/env/webshop/webshop-env.ts';
import { Rng } from '../../../lib/util/rng.ts';
import { webshopData } from '../../fixtures/webshop-data.ts';

const features = featureGroups.flat();
const materials = materialGroups.flat();
const kinds = nouns.map(([noun]) => noun);

describe('the words of the synthetic shop', () => {
  test('cannot be mistaken for each other by the rules of the reward', () => {
    const titleWords = [...features, ...materials, ...kinds];
    expect(new Set(titleWords.flatMap(analyze)).size).toBe(titleWords.length);
    for (const word of titleWords) {
      const close = titleWords.filter((other) => other !== word && (other.includes(word) || tokenSetRatio(other, word) > 85));
      expect([word, close]).toEqual([word, []]);
    }
    for (const [name, values] of Object.entries({ color: colors, size: sizes })) {
      for (const value of values) {
        const answers = [...colors, ...sizes].filter((other) => tokenSetRatio(other, `${name} ${value}`) > 85);
        expect(answers).toEqual([value]);
      }
    }
  });

  test('fill the groups that the categories need', () => {
    expect(featureGroups.every((group) => group.length === 12)).toBe(true);
    expect(materialGroups.every((group) => group.length === 10)).toBe(true);
    expect(featureGroups.length * materialGroups.length).toBe(kinds.length);
  });
});

/** Plays tasks of a split; every agent draws from its own stream. */
function play(env: WebShopEnv, split: string, make: (task: WebShopTask) => Agent, episodes: number, maxTurns = 15) {
  const tasks = env.tasks(split);
  const count = Math.min(episodes, tasks.length);
  let successes = 0;
  let reward = 0;
  let words = 0;
  for (let i = 0; i < count; i++) {
    const task = tasks.at(i);
    const episode = env.openNow(task, BigInt(i));
    const agent = make(task);
    const random = new Rng(BigInt(i));
    let observation: Observation = episode.first;
    words += pieces(observationText(observation));
    for (let turn = 0; turn < maxTurns; turn++) {
      const action = agent.act(observation, random);
      const result = episode.step(action);
      words += pieces(action) + (result.done ? 0 : pieces(result.observation?.text ?? ''));
      reward += result.reward;
      if (result.success) successes++;
      if (result.done || result.observation === undefined) break;
      observation = result.observation;
    }
  }
  return { success: successes / count, reward: reward / count, words: words / count };
}

/** What a tokenizer of the shop's words would make of a text at best: single numbers, words and halves of codes. */
function pieces(text: string): number {
  return text.match(new RegExp(shopTokenPattern, 'gu'))?.length ?? 0;
}

describe('the synthetic shop', async () => {
  const env = await WebShopEnv.open();
  const asinsOf = (split: string): Set<string> => {
    const tasks = env.tasks(split);
    return new Set(Array.from({ length: tasks.length }, (_, i) => tasks.at(i).goal.asin));
  };

  test('holds out products, and asks for each product in one split only', () => {
    expect(env.shop.products).toHaveLength(3600);
    const [train, dev, test] = ['train', 'dev', 'test'].map(asinsOf);
    expect([train?.size, dev?.size, test?.size]).toEqual([2520, 360, 720]);
    expect(new Set([...(train ?? []), ...(dev ?? []), ...(test ?? [])]).size).toBe(3600);
    expect(env.tasks('all').length).toBe(['train', 'dev', 'test'].reduce((sum, split) => sum + env.tasks(split).length, 0));
  });

  test('uses no word and no half of a code that training lacks', () => {
    const pattern = /[A-Z]{3}|[a-z]+|\d+/g;
    const wordsOf = (asins: Set<string>): Set<string> => {
      const texts = [...env.shop.products]
        .filter(({ asin }) => asins.has(asin))
        .map(({ asin, title, priceText, options }) => `${asin} ${title} ${priceText} ${[...options].flat(2).join(' ')}`);
      return new Set(texts.join(' ').match(pattern));
    };
    const train = wordsOf(asinsOf('train'));
    for (const split of ['dev', 'test']) expect([...wordsOf(asinsOf(split))].filter((word) => !train.has(word))).toEqual([]);
    const taught = new Set([...catalogueTexts(env)].join(' ').match(pattern));
    expect([...wordsOf(asinsOf('all'))].filter((word) => !taught.has(word))).toEqual([]);
  });

  test('pays 1 for the product that is asked for, with its options, and less for every other', () => {
    const tasks = env.tasks('test');
    for (let i = 0; i < 20; i++) {
      const { goal } = tasks.at(i);
      if (!('named' in goal.options)) throw new Error('expected named options');
      const values = [...goal.options.named.values()];
      const paid = [...env.shop.products].filter((product) => scorePurchase(product, goal, product.price, values, ruleNouns).reward === 1);
      expect(paid.map(({ asin }) => asin)).toEqual([goal.asin]);
      const own = env.shop.product(goal.asin);
      if (own === undefined) throw new Error('expected the product of the goal');
      expect(scorePurchase(own, goal, own.price, values.slice(1), ruleNouns).reward).toBeLessThan(1);
    }
  });

  test('finds the target by a full query, seldom by its kind alone, and not always first', () => {
    const tasks = env.tasks('test');
    const count = 400;
    const rank = (i: number, query: 'title' | 'query'): number => {
      const { goal } = tasks.at(i);
      const found = env.shop.search(goal[query], () => expect.fail('no chance is asked for'));
      return Array.from(found, (number) => env.shop.products.at(number).asin).indexOf(goal.asin);
    };
    const onPage = (position: number): boolean => position >= 0 && position < 10;
    const full = Array.from({ length: count }, (_, i) => rank(i, 'title'));
    const kind = Array.from({ length: count }, (_, i) => rank(i, 'query'));
    expect(full.filter(onPage).length).toBeGreaterThan(0.98 * count);
    expect(full.filter((position) => position === 0).length).toBeLessThan(0.9 * count);
    expect(full.filter((position) => position === 0).length).toBeGreaterThan(0.6 * count);
    expect(kind.filter(onPage).length).toBeLessThan(0.15 * count);
  });

  test.each(['train', 'dev', 'test'])('is mastered by the careful shopper: %s', (split) => {
    const { success, reward, words } = play(env, split, (task) => scriptedShopper(env, task), 400);
    expect(success).toBe(1);
    expect(reward).toBe(1);
    expect(words).toBeLessThan(200);
  });

  test('is mastered by the careful shopper in the full layout', async () => {
    const full = await WebShopEnv.open({ layout: 'full' });
    expect(play(full, 'test', (task) => scriptedShopper(full, task), 50).success).toBe(1);
  });

  test('is seldom solved by the careless shopper and almost never by chance', () => {
    const careless = play(env, 'test', (task) => biasedShopper(env, task), 800);
    expect(careless.success).toBeGreaterThan(0.05);
    expect(careless.success).toBeLessThan(0.15);
    const careful = play(env, 'test', (task) => biasedShopper(env, task, { pCategoryOnly: 0, pSkipOption: 0, pRandomProduct: 0 }), 200);
    expect(careful.success).toBeGreaterThan(0.97);
    expect(play(env, 'test', () => randomValidAgent(), 400).success).toBeLessThan(0.02);
  });

  test('is the same for the same seed, and another for another', async () => {
    const again = await WebShopEnv.open();
    expect(again.config).toEqual(env.config);
    expect(again.tasks('test').at(7)).toEqual(env.tasks('test').at(7));
    const other = await WebShopEnv.open({ synthetic: { seed: 1 } });
    expect(other.config.catalogue).not.toBe(env.config.catalogue);
    expect(play(other, 'test', (task) => scriptedShopper(other, task), 100).success).toBe(1);
  });
});

test('small shops work too', async () => {
  for (const synthetic of [
    { categories: 1, productsPerCategory: 2 },
    { categories: 7, productsPerCategory: 11, variety: 0 },
    { categories: 2, productsPerCategory: 20, variety: 0.5, testShare: 0.5 },
  ]) {
    const env = await WebShopEnv.open({ synthetic });
    expect(play(env, 'all', (task) => scriptedShopper(env, task), 60).success).toBe(1);
  }
});

test('instructions are read as they were written', () => {
  const text =
    "Find me loose fit women's tops, tees & blouses with short sleeve with color: c5-purple, and size: x-large, and price lower than 50.00 dollars";
  expect(readInstruction(text)).toEqual({
    stem: "loose fit women's tops, tees & blouses with short sleeve",
    kind: 'blouses',
    options: [
      { name: 'color', value: 'c5-purple' },
      { name: 'size', value: 'x-large' },
    ],
    priceUpper: 50,
  });
  expect(readInstruction('Find me wood kettle')).toEqual({
    stem: 'wood kettle',
    kind: 'kettle',
    options: [],
    priceUpper: Number.POSITIVE_INFINITY,
  });
});

test.skipIf(webshopData === undefined)('the careful shopper earns something on real products, and far more than chance', async () => {
  const env = await WebShopEnv.open({ data: webshopData ?? '' });
  const scripted = play(env, 'test', (task) => scriptedShopper(env, task), 100);
  const chance = play(env, 'test', () => randomValidAgent(), 100);
  expect(scripted.success).toBeGreaterThan(0.3);
  expect(scripted.reward).toBeGreaterThan(chance.reward + 0.3);
});
