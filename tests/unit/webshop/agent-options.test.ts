import { expect, test } from 'vitest';
import { environmentOptions } from '../../../lib/cli/open.ts';
import { evalSchema, parseConfig, sftSchema, trainSchema, vstarSchema, webshopServeSchema } from '../../../lib/config.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';

const required = { model: 'm', out: 'o' };
const flags = { style: 'verl-agent', maxActions: 20, pageBudget: 900, history: 1, promptLimit: 5000 } as const;

test.each([
  ['train', trainSchema],
  ['vstar', vstarSchema],
  ['eval', evalSchema],
  ['sft', sftSchema],
  ['webshop serve', webshopServeSchema],
])('%s opens the environment in the style that its options name', async (_, schema) => {
  const { model, out } = required;
  const names = Object.keys(schema.shape);
  const given = { ...(names.includes('model') ? { model } : {}), ...(names.includes('out') ? { out } : {}), ...flags };
  const config = parseConfig(schema, given) as Parameters<typeof environmentOptions>[0];
  const options = environmentOptions(config);
  expect(options).toMatchObject(flags);
  const env = await WebShopEnv.open({ ...options, synthetic: { categories: 1, productsPerCategory: 2 } });
  expect(env.config).toMatchObject({
    style: { name: 'verl-agent', history: 1, promptLimit: 5000 },
    maxActions: 20,
    maxTurns: 20,
    pageBudget: 900,
    layout: 'full',
  });
});

test('every setting reaches the environment', () => {
  const config = { shopSeed: 1, style: 'ragen', actionsPerTurn: 2, callFormat: 'llama' } as const;
  expect(environmentOptions(config)).toMatchObject({ style: 'ragen', actionsPerTurn: 2, callFormat: 'llama' });
});

test('a style that is nearly right is hinted at', async () => {
  expect(() => parseConfig(evalSchema, { model: 'm', style: 'think-acts' })).toThrow(
    expect.objectContaining({ code: 'ASTARPO_OPTION', hint: 'did you mean think-act?' }),
  );
});
