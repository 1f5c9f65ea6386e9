import { beforeAll, describe, expect, test } from 'vitest';
import type { CallFormat } from '../../../lib/env/webshop/agent/agent-options.ts';
import { agentStyleNames } from '../../../lib/env/webshop/agent/styles.ts';
import { scriptedShopper } from '../../../lib/env/webshop/shoppers/scripted-shopper.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import { rollout } from '../../../lib/rollout/rollout.ts';
import { playAgent } from '../../../lib/rollout/scripted.ts';
import { styleFormat, styleTokenizer } from '../../fixtures/chats.ts';
import { Speaker } from '../../fixtures/talk.ts';

const synthetic = { categories: 4, productsPerCategory: 15 };

/** Chat templates with the form in which their models write calls. Mistral's moves the list of tools, so earlier turns have to be kept. */
const models: readonly (readonly [string, CallFormat])[] = [
  ['qwen2.5-style', 'hermes'],
  ['hermes-style', 'hermes'],
  ['qwen3-style', 'hermes'],
  ['llama3-style', 'llama'],
  ['mistral-style', 'mistral'],
];

describe.each(models)('%s', (template, callFormat) => {
  let env: WebShopEnv;
  beforeAll(async () => {
    env = await WebShopEnv.open({ synthetic, style: 'tools', callFormat });
  });

  test('carries calls and what they return', async () => {
    const task = env.tasks('test').at(0);
    const chat = styleFormat(template, { earlierTurns: 'keep' });
    const { success, contexts } = await playAgent(env, task, scriptedShopper(env, task), chat);
    expect(success).toBe(true);
    expect(contexts).toHaveLength(1);
    const text = styleTokenizer(template).decode(contexts[0]?.tokens ?? []);
    expect(text).toContain('Words that describe the product');
    expect(text).toMatch(/Can be clicked:(\n|\\n)back to search\1next >/);
  });

  test('goes on after texts in which no call is found', async () => {
    const { say } = env.options.style;
    const texts = ['Let me see.', '<tool_call>{"name": "sell"}</tool_call>', say('search[shirt]'), say('click[next >]', 'hm')];
    const model = new Speaker(styleFormat(template, { earlierTurns: 'keep' }), ...texts);
    const job = { task: env.tasks('test').at(0), sample: 0, seed: 1n };
    const [result] = await rollout(model, env, [job], { sampling: { maxTokens: 400 }, maxTurns: 4, retries: 0 });
    expect(result?.fault).toBeUndefined();
    expect(result?.trajectory).toMatchObject({ finish: 'max_turns', agentTurns: 4, validActions: 2 });
  });
});

test.each(agentStyleNames)('%s becomes tokens', async (style) => {
  const env = await WebShopEnv.open({ synthetic, style });
  const task = env.tasks('test').at(1);
  const { success, contexts, agentTurns } = await playAgent(env, task, scriptedShopper(env, task), styleFormat('qwen2.5-style'));
  expect(success).toBe(true);
  expect(contexts).toHaveLength(style === 'verl-agent' ? agentTurns : 1);
});
