import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AgentStyleName } from '../../../lib/env/webshop/agent/styles.ts';
import { describePage } from '../../../lib/env/webshop/pages/describe-page.ts';
import { fitPage } from '../../../lib/env/webshop/pages/fit-page.ts';
import type { Page } from '../../../lib/env/webshop/shop/session.ts';
import { scriptedShopper } from '../../../lib/env/webshop/shoppers/scripted-shopper.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { Rng } from '../../../lib/util/rng.ts';

const colors = Array.from({ length: 300 }, (_, i) => `color number ${i} 🙂`);
const bullets = Array.from({ length: 40 }, (_, i) => `feature ${i} ${'long '.repeat(30)}`);
let folder: string;

/** One product with everything in plenty. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-budget-'));
  const product = {
    ...{ asin: 'B000000001', name: `Shirt ${'🙂 very '.repeat(100)}end`, full_description: 'd'.repeat(1_000_000), pricing: '$20.00' },
    ...{ images: [], query: 'shirts', product_category: 'a › b', category: 'fashion', small_description: bullets },
    customization_options: { color: colors.map((value) => ({ value })), size: [{ value: 'large' }] },
  };
  const record = { attributes: ['cotton'], instruction: 'Find me shirt', instruction_attributes: ['cotton'] };
  await writeFile(join(folder, 'items_shuffle_1000.json'), JSON.stringify([product]));
  await writeFile(join(folder, 'items_ins_v2_1000.json'), JSON.stringify({ B000000001: record }));
});
afterAll(() => rm(folder, { recursive: true }));

async function pages(
  pageBudget: number | undefined,
  layout: 'full' | 'rich' | 'compact',
  style: AgentStyleName = 'plain',
): Promise<Record<string, string>> {
  const env = await WebShopEnv.open({ data: folder, layout, style, ...(pageBudget === undefined ? {} : { pageBudget }) });
  const episode = env.openNow(env.tasks('all').at(0), 0n);
  const told: Record<string, string> = { search: episode.first.text ?? '' };
  for (const [name, action] of [
    ['results', 'search[shirt]'],
    ['item', 'click[b000000001]'],
    ['description', 'click[description]'],
    ['item again', 'click[< prev]'],
    ['features', 'click[features]'],
  ] as const) {
    const { observation } = await episode.step(env.options.style.say(action));
    told[name] = observation?.text ?? '';
    if (name === 'item') expect(observation?.validActions).toContain(`click[${colors[150]}]`);
  }
  return told;
}

describe.each(['full', 'rich', 'compact'] as const)('a page budget in the layout %s', (layout) => {
  test('is kept where it can be, and says what it left out', async () => {
    const whole = await pages(undefined, layout);
    for (const budget of [2000, 6000]) {
      const told = await pages(budget, layout);
      for (const [name, text] of Object.entries(told)) {
        const full = whole[name] ?? '';
        if (full.length <= budget) expect(text).toBe(full);
        else {
          expect(text.length).toBeLessThanOrEqual(budget);
          // What is given is used.
          expect(text.length).toBeGreaterThan(0.85 * budget);
          expect(text).toMatch(/…\(\d+ more (characters|values|features)\)…/);
        }
        expect(text).not.toMatch(/\p{Cs}/u);
      }
      expect(told.item?.toLowerCase()).toContain('buy now');
      expect(told.item).toContain('large');
      expect(told.item).toMatch(/^.*end/m);
    }
  });

  test('never cuts instruction and buttons', async () => {
    const told = await pages(1, layout);
    for (const name of ['results', 'item', 'description', 'features']) expect(told[name]?.toLowerCase()).toContain('back to search');
    expect(told.item?.length).toBeLessThan(1200);
    if (layout !== 'compact') for (const text of Object.values(told)) expect(text).toContain('Find me shirt');
  });
});

test('numbers in the marks are those of what is missing', async () => {
  const { item = '', features = '' } = await pages(3000, 'full');
  const listed = item.split(' [SEP] ').filter((text) => /^color number/.test(text)).length;
  expect(item).toContain(`…(${300 - listed} more values)…`);
  const told = features.split(' [SEP] ').filter((text) => /^feature \d/.test(text)).length;
  expect(features).toContain(`…(${40 - told} more features)…`);
});

test('works in every style, and shoppers see the whole page', async () => {
  const synthetic = { categories: 4, productsPerCategory: 15 };
  for (const style of ['ragen', 'verl-agent', 'tools', 'think-act'] as const) {
    const env = await WebShopEnv.open({ synthetic, style, layout: 'full', pageBudget: 600 });
    const task = env.tasks('test').at(0);
    const agent = scriptedShopper(env, task);
    const episode = env.openNow(task, 0n);
    let reward = 0;
    for (let observation = episode.first, turn = 0; turn < 9; turn++) {
      const result = await episode.step(agent.act(observation, new Rng(0n)));
      reward += result.reward;
      if (result.done || result.observation === undefined) break;
      observation = result.observation;
    }
    expect(reward).toBe(1);
    expect(env.config.pageBudget).toBe(600);
  }
});

test('any page fits where its smallest form does', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.nat(2000).map((length) => '🙂a'.repeat(length)),
  );
  const texts = fc.array(text, { maxLength: 30 });
  const product = fc.record({
    ...{
      asin: fc.constant('B000000001'),
      title: text,
      description: text,
      bullets: texts,
      category: text,
      productCategory: text,
      query: text,
    },
    ...{
      attributes: texts,
      options: texts.map((values) => new Map([['size', values]])),
      priceText: fc.constant('$1.0'),
      price: fc.constant(1),
    },
  });
  const chosen = new Map<string, string>();
  const pages = fc.oneof(
    product.map((one): Page => ({ kind: 'item', product: one, chosen })),
    fc
      .tuple(product, fc.constantFrom('description', 'features', 'attributes'))
      .map(([one, name]): Page => ({ kind: 'sub-page', name, product: one, chosen })),
    fc.array(product, { maxLength: 10 }).map((shown): Page => ({ kind: 'results', number: 1, total: shown.length, shown })),
  );
  fc.assert(
    fc.property(pages, fc.integer({ min: 1, max: 20_000 }), fc.constantFrom('full', 'rich', 'compact'), (page, budget, layout) => {
      const render = (one: Page) => {
        const session = {
          page: one,
          subPages: ['description', 'features', 'reviews'],
          search: { query: 'q', number: 1 },
          visited: new Set<string>(),
        } as const;
        return describePage(layout, session, { instruction: 'Find me x', outcome: 'page', name: '0' });
      };
      const whole = render(page);
      const fitting = fitPage(page, budget, render);
      if (whole.length <= budget) expect(fitting).toBe(whole);
      else expect(fitting.length).toBeLessThanOrEqual(Math.max(budget, fitPage(page, 1, render).length));
      expect(fitting.length).toBeLessThanOrEqual(whole.length);
    }),
    { numRuns: 200 },
  );
});
