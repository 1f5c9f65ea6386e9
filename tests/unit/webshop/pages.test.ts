import { describe, expect, test } from 'vitest';
import type { StepResult } from '../../../lib/env/environment.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';

const shop = { synthetic: { categories: 5, productsPerCategory: 60 } };

async function visit(layout: 'full' | 'compact') {
  const env = await WebShopEnv.open({ ...shop, layout });
  const task = env.tasks('train').at(0);
  const episode = env.openNow(task, 0n);
  const step = (action: string): StepResult => episode.step(action);
  const text = (action: string): string => step(action).observation?.text ?? '';
  return { env, task, episode, step, text };
}

describe('pages in the full layout', () => {
  test('lead from the search to the purchase', async () => {
    const { env, task, episode, text, step } = await visit('full');
    const { asin, title, instruction, options } = task.goal;
    const head = `Instruction: [SEP] ${instruction} [SEP] Back to Search`;
    expect(episode.first.text).toBe(`WebShop [SEP] Instruction: [SEP] ${instruction} [SEP] Search`);
    expect(episode.first.validActions).toEqual(['search[<query>]']);
    const results = text(`search[${title}]`);
    expect(results.startsWith(`${head} [SEP] Page 1 (Total results: 50) [SEP] Next > [SEP] `)).toBe(true);
    expect(results).toContain(`${asin} [SEP] ${title} [SEP] ${env.shop.product(asin)?.priceText}`);
    const item = text(`click[${asin}]`);
    const { options: choices, priceText } = env.shop.product(asin) ?? { options: new Map<string, string[]>(), priceText: '' };
    const values = [...choices].flatMap(([name, list]) => [name, ...list]).join(' [SEP] ');
    const details = 'Rating: N.A. [SEP] Description [SEP] Features [SEP] Reviews [SEP] Buy Now';
    expect(item).toBe(`${head} [SEP] < Prev [SEP] ${values} [SEP] ${title} [SEP] Price: ${priceText} [SEP] ${details}`);
    expect(text('click[features]')).toBe(`${head} [SEP] < Prev [SEP] Ready to use.`);
    expect(text('click[< prev]')).toBe(item);
    if (!('named' in options)) throw new Error('expected named options');
    for (const value of options.named.values()) expect(text(`click[${value}]`)).toBe(item);
    const bought = step('click[buy now]');
    expect(bought).toMatchObject({ reward: 1, done: true, success: true, rewards: { r_type: 1, r_att: 1, r_option: 1, r_price: 1 } });
    expect(bought.observation?.text).toContain(`asin [SEP] ${asin} [SEP] options [SEP] {"color": `);
    expect(bought.observation?.text).toContain('Your score (min 0.0, max 1.0) [SEP] 1.0 [SEP] Reward Details');
    expect(() => step('click[buy now]')).toThrow(expect.objectContaining({ code: 'ASTARPO_ENVIRONMENT' }));
  });

  test('turn up to the last results and beyond, and back', async () => {
    const { task, text, step } = await visit('full');
    text(`search[${task.goal.query}]`);
    for (let page = 2; page <= 5; page++) {
      const next = text('click[next >]');
      expect(next).toContain(`Page ${page} (Total results: `);
      expect(next).toContain('< Prev [SEP] Next >');
    }
    const beyond = step('click[next >]').observation;
    expect(beyond?.validActions).toEqual(['click[back to search]', 'click[< prev]', 'click[next >]']);
    expect(text('click[< prev]')).toContain('Page 5 (');
    expect(text('search[nothingofthekind]')).toContain('Page 1 (Total results: 0) [SEP] Next >');
    expect(step('click[back to search]').observation?.validActions).toEqual(['search[<query>]']);
  });

  test('forget options on the way back to results, keep them over sub-pages', async () => {
    const { task, text, step } = await visit('full');
    const { asin, title, options } = task.goal;
    if (!('named' in options)) throw new Error('expected named options');
    const choose = (): void => {
      for (const value of options.named.values()) text(`click[${value}]`);
    };
    text(`search[${title}]`);
    text(`click[${asin}]`);
    choose();
    text('click[< prev]');
    text(`click[${asin}]`);
    expect(step('click[buy now]').rewards?.r_option).toBe(0);
    const again = await visit('full');
    again.text(`search[${title}]`);
    again.text(`click[${asin}]`);
    for (const value of options.named.values()) again.text(`click[${value}]`);
    again.text('click[description]');
    again.text('click[< prev]');
    expect(again.step('click[buy now]').reward).toBe(1);
  });

  test('do not move for what is not possible', async () => {
    const { task, episode, step } = await visit('full');
    for (const action of ['', 'hello', 'click[search]', 'click[buy now]', 'Search[lamp]', 'click[no such product]', 'search[]']) {
      expect(step(action)).toMatchObject({ reward: 0, done: false, valid: false, observation: { text: episode.first.text } });
    }
    const found = step(`search[${task.goal.title}]`);
    expect(found.valid).toBe(true);
    expect(step('click[description]')).toMatchObject({ valid: false, observation: { text: found.observation?.text } });
    expect(step('search[lamp]').valid).toBe(true);
  });
});

test('special first words ask for a category, a product query or random products', async () => {
  const { env, task } = await visit('full');
  const { category, query } = task.goal;
  const first = (seed: bigint, words: string): string => env.openNow(task, seed).step(`search[${words}]`).observation?.text ?? '';
  const inCategory = [...env.shop.products].filter((product) => product.category === category).length;
  expect(first(0n, `<c> ${category}`)).toContain(`(Total results: ${inCategory})`);
  expect(first(0n, `<q> ${query}`)).toContain('(Total results: 60)');
  expect(first(0n, '<r>')).toContain('(Total results: 50)');
  expect(first(1n, '<r>')).toBe(first(1n, '<r>'));
  expect(first(1n, '<r>')).not.toBe(first(2n, '<r>'));
  expect(first(0n, '<c>')).toContain('(Total results: 0)');
  expect(first(0n, '<a> waterproof')).toContain('(Total results: 0)');
});

test('the compact layout shows the same pages in few words', async () => {
  const { env, task, episode, text, step } = await visit('compact');
  const { asin, title, instruction, options } = task.goal;
  const product = env.shop.product(asin);
  if (product === undefined || !('named' in options)) throw new Error('expected a product and named options');
  const price = product.priceText.replace('.0', '');
  expect(episode.first.text).toBe(`${instruction}\nsearch`);
  const results = text(`search[${title}]`).split('\n');
  expect(results[0]).toBe('page 1, 50 results | back to search | next >');
  expect(results).toHaveLength(11);
  expect(results).toContain(`${title} ${price} ${asin}`);
  const choices = Array.from(product.options, ([name, values]) => `${name}: ${values.join(' / ')}`);
  const buttons = 'back to search | < prev | description | features | reviews | buy now';
  expect(text(`click[${asin}]`)).toBe([...choices, `${title} ${price}`, buttons].join('\n'));
  const [color, size] = [options.named.get('color'), options.named.get('size')];
  expect(text(`click[${size}]`)).toBe(`ok ${size}`);
  expect(text(`click[${color}]`)).toBe(`ok ${size} / ${color}`);
  expect(text('click[no such thing]')).toBe('no change');
  expect(text('click[features]')).toBe('back to search | < prev\nReady to use.');
  text('click[< prev]');
  expect(step('click[buy now]')).toMatchObject({ reward: 1, observation: { text: 'bought, score 1.00' } });
});

test('layouts differ in nothing but the text', async () => {
  const full = await visit('full');
  const compact = await visit('compact');
  expect(compact.task).toEqual(full.task);
  const { asin, title } = full.task.goal;
  for (const action of [
    `search[${title}]`,
    'click[next >]',
    'click[< prev]',
    `click[${asin}]`,
    'click[reviews]',
    'oops',
    'click[buy now]',
  ]) {
    const { observation: fullPage, ...rest } = full.step(action);
    const { observation: compactPage, ...same } = compact.step(action);
    expect(same).toEqual(rest);
    expect(compactPage?.validActions).toEqual(fullPage?.validActions);
  }
});
