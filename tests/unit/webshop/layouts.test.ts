import { beforeAll, describe, expect, test } from 'vitest';
import type { Layout } from '../../../lib/env/webshop/pages/layout.ts';
import { type WebShopEnv as Env, WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';

type Play = {
  first: string;
  act: (action: string) => string;
  asin: string;
  color: string;
  size: string;
  instruction: string;
  title: string;
};

async function play(layout: Layout): Promise<Play> {
  const env: Env = await WebShopEnv.open({ layout, synthetic: { categories: 3, productsPerCategory: 12 } });
  const task = env.tasks('train').at(0);
  const episode = env.openNow(task, 0n);
  const { asin, title, options } = task.goal;
  if (!('named' in options)) throw new Error('expected named options');
  return {
    ...{ first: episode.first.text ?? '', asin, title, instruction: task.instruction },
    act: (action) => episode.step(action).observation?.text ?? '',
    color: options.named.get('color') ?? '',
    size: options.named.get('size') ?? '',
  };
}

describe('the layout rich', () => {
  let rich: Play;
  beforeAll(async () => {
    rich = await play('rich');
  });

  test('marks buttons, and what was clicked', () => {
    const { first, act, asin, color, size, instruction, title } = rich;
    expect(first).toBe(`WebShop\nInstruction: \n${instruction}\n[button] Search [button_]\n`);
    const head = `Instruction:\n${instruction}\n[button] Back to Search [button_]\n`;
    const results = act(`search[${title}]`);
    expect(results.startsWith(`${head}Page 1 (Total results: `)).toBe(true);
    expect(results).toContain(`\n\n[button] ${asin} [button_]\n${title}\n$`);
    const item = act(`click[${asin}]`);
    expect(item.startsWith(`${head}[button] < Prev [button_]\n`)).toBe(true);
    expect(item).toContain(`\n  [button] ${size} [button_]\n`);
    const chosen = act(`click[${size}]`);
    expect(chosen.startsWith(`You have clicked ${size}.\n${head}`)).toBe(true);
    expect(chosen).toContain(`\n  [clicked button] ${size} [clicked button_]\n`);
    // Later values of the page come first.
    expect(act(`click[${color}]`)).toMatch(new RegExp(`^You have clicked (${color}|${size})\\.\nYou have clicked (${color}|${size})\\.\n`));
    expect(act('click[description]')).not.toContain('clicked');
    act('click[< prev]');
    expect(act('click[< prev]')).toContain(`[clicked button] ${asin} [clicked button_]`);
    expect(act(`click[${asin}]`)).not.toContain('You have clicked');
    act('click[back to search]');
    expect(act(`search[${title}]`)).toContain(`[button] ${asin} [button_]`);
  });
});

test('the layout url shows where one is, in the original’s words', async () => {
  const { first, act, asin, size, title } = await play('url');
  const base = 'http://127.0.0.1:3000';
  const name = first.slice(base.length + 1);
  expect(first).toMatch(/^http:\/\/127\.0\.0\.1:3000\/\d+$/);
  const words = title.toLowerCase().replaceAll(' ', '+');
  expect(act(`search[${title}]`)).toBe(`${base}/search_results/${name}/${words}/1`);
  expect(act('click[next >]')).toBe(`${base}/search_results/${name}/${words}/2`);
  act('click[< prev]');
  expect(act(`click[${asin}]`)).toBe(`${base}/item_page/${name}/${asin}/${words}/1/{}`);
  expect(act(`click[${size}]`)).toBe(`${base}/item_page/${name}/${asin}/${words}/1/{"size": "${size}"}`);
  expect(act('click[features]')).toBe(`${base}/item_sub_page/${name}/${asin}/${words}/1/Features/{'size': '${size}'}`);
  act('click[< prev]');
  expect(act('click[buy now]')).toBe(`${base}/done/${name}/${asin}/{'size': '${size}'}`);
  expect(first).toBe(`${base}/${name}`);
});

test('the layout html has the ids that code relies on, and escapes what comes from the catalogue', async () => {
  const { first, act, asin, title, size } = await play('html');
  expect(first).toContain('id="search_input"');
  expect(first).toContain('id="instruction-text"');
  expect(act(`search[${title}]`)).toContain(`<a class="product-link" href="${asin}">${asin}</a>`);
  expect(act(`click[${asin}]`)).toContain(`<input type="radio" name="size" value="${size}">`);
  expect(act('click[buy now]')).toContain('id="reward"');
});
