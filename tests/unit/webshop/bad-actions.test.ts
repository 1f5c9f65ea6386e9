import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentStyleName, agentStyleNames } from '../../../lib/env/webshop/agent/styles.ts';
import type { Layout } from '../../../lib/env/webshop/pages/layout.ts';
import { TextShop } from '../../../lib/env/webshop/text-shop/text-shop.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';

const length = 100_000;
const pieces = [
  ...['x', '_', ' ', 'a ', '[', ']', '[]', '\0', '\n', '\r\n', '😀', '😀\u200d', '\ud800', '\u0301', '日', "'s", '1,', 'İ', '"', '||'],
  ...['click[', 'search[', '<think>', '</think>', '<answer>', '<action>', '{"name":', '\\boxed{', '<r> ', '<q> x', '<c> '],
];
const wraps: readonly ((body: string) => string)[] = [
  (body) => body,
  (body) => `search[${body}]`,
  (body) => `click[${body}]`,
  (body) => `<think>${body}</think><answer>search[${body}]</answer><action>click[${body}]</action>`,
];
const searches = pieces.map((piece) => `search[${piece.repeat(length / piece.length)}]`);
const hostile = pieces.flatMap((piece) => wraps.map((wrap) => wrap(piece.repeat(length / piece.length))));

const small = { synthetic: { categories: 2, productsPerCategory: 12 } };

describe.each<Layout>(['full', 'rich', 'html', 'url', 'compact'])('the layout %s', (layout) => {
  test('shows what 100,000 characters of anything lead to', async () => {
    await using env = await WebShopEnv.open({ ...small, layout });
    for (const action of searches) {
      const episode = env.openNow(env.tasks('all').at(0), 0n);
      const { done, reward, observation } = await episode.step(action);
      expect([done, reward, typeof observation?.text]).toEqual([false, 0, 'string']);
    }
  });
});

describe.each<AgentStyleName>(agentStyleNames.filter((name) => name !== 'numbered'))('the style %s', (style) => {
  test('reads 100,000 characters of anything', async () => {
    await using env = await WebShopEnv.open({ ...small, style });
    for (const said of hostile) {
      const episode = env.openNow(env.tasks('all').at(0), 0n);
      expect((await episode.step(said)).done).toBe(false);
    }
  });
});

describe('an action', () => {
  let shop: TextShop;
  beforeAll(async () => {
    shop = await TextShop.open({ ...small, numPrevObs: 1, numPrevActions: 1 });
  });
  afterAll(() => shop.close());

  test('of 100,000 characters changes a session of the text shop at most as a search does', async () => {
    for (const action of searches) {
      const { reward, done } = await shop.step(action);
      expect([reward, done]).toEqual([0, false]);
      expect(shop.availableActions().clickables.length).toBeLessThan(20);
    }
  });
});

describe('a goal index', () => {
  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9, 2 ** 53])('of %d is refused where there is none', async (index) => {
    await using env = await WebShopEnv.open(small);
    const refused = expect.objectContaining({ code: 'ASTARPO_TASKS' });
    expect(() => env.tasks('all').at(index)).toThrow(refused);
    expect(() => env.shop.goals.at(index)).toThrow(refused);
  });
});
