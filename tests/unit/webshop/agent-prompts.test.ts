import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Observation } from '../../../lib/env/environment.ts';
import { candidateActions } from '../../../lib/env/webshop/agent/candidates.ts';
import type { AgentStyleName } from '../../../lib/env/webshop/agent/styles.ts';
import { shopTools } from '../../../lib/env/webshop/agent/tools-style.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import type { WebShopOptions } from '../../../lib/env/webshop/webshop-options.ts';
import { Rng } from '../../../lib/util/rng.ts';
import { writeStyleShop } from '../../fixtures/style-shop.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-styles-'));
  await writeStyleShop(folder);
});
afterAll(() => rm(folder, { recursive: true }));

async function open(style: AgentStyleName, options: WebShopOptions = {}) {
  const env = await WebShopEnv.open({ data: folder, style, ...options });
  return { env, episode: env.openNow(env.tasks('all').at(0), 0n) };
}

/** What the model sees first and after each action, said as the style wants it. */
async function tell(style: AgentStyleName, actions: readonly string[], options: WebShopOptions = {}): Promise<Observation[]> {
  const { env, episode } = await open(style, options);
  const told: Observation[] = [episode.first];
  for (const action of actions) {
    const { observation } = await episode.step(action.startsWith('raw ') ? action.slice(4) : env.options.style.say(action));
    if (observation !== undefined) told.push(observation);
  }
  return told;
}

const textOf = ({ text, messages }: Observation = { text: '' }) =>
  text ??
  messages
    ?.map(({ role, content, ...more }) =>
      [`<${role}>`, content, ...(Object.keys(more).length === 0 ? [] : [JSON.stringify(more)])].join('\n'),
    )
    .join('\n') ??
  '';

test('think-act', async () => {
  const [first, results, , , refused] = await tell('think-act', [
    'search[shirt]',
    'click[b000000001]',
    'click[grey]',
    'click[green]',
    'raw hm',
  ]);
  expect(textOf(first)).toMatchInlineSnapshot(`
    "Buy this in an online shop: Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars

    Each turn you see one page and do one action:
    search[words] looks for products; it works on every page.
    click[value] presses a button, opens a product by its code or chooses an option.
    Choose every option that is asked for, then click[buy now]: it ends the task, and what you bought is compared with what was asked for.
    Think first, as briefly as you can, inside <think></think>. Then give one action inside <action></action>, for example <action>search[wool socks]</action>.

    Page:
    WebShop [SEP] Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Search
    Possible actions:
    search[<query>]"
  `);
  expect(textOf(results)).toMatchInlineSnapshot(`
    "Page:
    Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Back to Search [SEP] Page 1 (Total results: 2) [SEP] Next > [SEP] B000000001 [SEP] Blue Cotton Shirt [SEP] $20.0 [SEP] B000000002 [SEP] Wool Sock [SEP] $20.0
    Possible actions:
    search[<query>]
    click[back to search]
    click[next >]
    click[b000000001]
    click[b000000002]"
  `);
  expect(textOf(refused)).toMatchInlineSnapshot(`
    "That is not possible on this page; nothing changed.
    Page:
    Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Back to Search [SEP] < Prev [SEP] color [SEP] blue  |  red [SEP] grey [SEP] size [SEP] large [SEP] Blue Cotton Shirt [SEP] Price: $20.0 [SEP] Rating: N.A. [SEP] Description [SEP] Features [SEP] Reviews [SEP] Buy Now
    Chosen so far: color: grey
    Possible actions:
    search[<query>]
    click[back to search]
    click[< prev]
    click[description]
    click[features]
    click[reviews]
    click[buy now]
    click[blue  |  red]
    click[grey]
    click[large]"
  `);
});

test('think-act with a window', async () => {
  const told = await tell('think-act', ['search[shirt]', 'click[b000000001]', 'raw hm'], { history: 1, maxActions: 6 });
  expect(told.map(({ fresh }) => fresh)).toEqual([true, true, true, true]);
  expect(textOf(told[3])).toMatchInlineSnapshot(`
    "Buy this in an online shop: Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars

    Each turn you see one page and do one action:
    search[words] looks for products; it works on every page.
    click[value] presses a button, opens a product by its code or chooses an option.
    Choose every option that is asked for, then click[buy now]: it ends the task, and what you bought is compared with what was asked for.
    Think first, as briefly as you can, inside <think></think>. Then give one action inside <action></action>, for example <action>search[wool socks]</action>.

    Turn 3:
    Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Back to Search [SEP] < Prev [SEP] color [SEP] blue  |  red [SEP] grey [SEP] size [SEP] large [SEP] Blue Cotton Shirt [SEP] Price: $20.0 [SEP] Rating: N.A. [SEP] Description [SEP] Features [SEP] Reviews [SEP] Buy Now
    You did: nothing that could be understood

    Now turn 4.
    No action was found in that. Give one inside <action></action>.
    Page:
    Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Back to Search [SEP] < Prev [SEP] color [SEP] blue  |  red [SEP] grey [SEP] size [SEP] large [SEP] Blue Cotton Shirt [SEP] Price: $20.0 [SEP] Rating: N.A. [SEP] Description [SEP] Features [SEP] Reviews [SEP] Buy Now
    Actions left: 4
    Possible actions:
    search[<query>]
    click[back to search]
    click[< prev]
    click[description]
    click[features]
    click[reviews]
    click[buy now]
    click[blue  |  red]
    click[grey]
    click[large]"
  `);
});

test('ragen', async () => {
  const [first, results, , empty] = await tell('ragen', ['search[shirt]', 'raw no answer', 'search[zebra]']);
  expect(textOf(first)).toMatchInlineSnapshot(`
    "<system>
    You are a helpful shopper who plays a game in several turns.
    <user>
    You shop in an online shop until you have bought the product that you are asked for. In every turn you are shown a page; answer with one of the actions that it offers, for example <answer>search[blanket with fleece throw]</answer>.
    Turn 1:
    State:
    Instruction: Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars.Buy something within 10 actions; it need not match in every point.
    Leave sizes and colors out of what you search for.
    Search twice at most.
    Do not be too strict when you compare a product with the task.
    Rather click a product of this page than turn to another page.
    You should hardly ever need next > more than twice.
    You should hardly ever need < prev.
    With fewer than 3 actions left, buy the first product.
    On the page of a product choose first the size, then the color, one at a time, if there are any, and then click buy now; with one action left just buy. Never open the description.
    You may choose from these actions: search[<content>].
    You have 9 actions left. Always answer in the form <think> [your thoughts] </think> <answer> [your answer] </answer>, without any other text. Your answer may have 200 words (tokens) at most."
  `);
  expect(textOf(results)).toMatchInlineSnapshot(`
    "Reward:
    0

    Turn 2:
    State:
    Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Back to Search [SEP] Page 1 (Total results: 2) [SEP] Next > [SEP] B000000001 [SEP] Blue Cotton Shirt [SEP] $20.0 [SEP] B000000002 [SEP] Wool Sock [SEP] $20.0.Buy something within 10 actions; it need not match in every point.
    Leave sizes and colors out of what you search for.
    Search twice at most.
    Do not be too strict when you compare a product with the task.
    Rather click a product of this page than turn to another page.
    You should hardly ever need next > more than twice.
    You should hardly ever need < prev.
    With fewer than 3 actions left, buy the first product.
    On the page of a product choose first the size, then the color, one at a time, if there are any, and then click buy now; with one action left just buy. Never open the description.
    You may choose from these actions: click[back to search], click[next >], click[b000000001], click[b000000002].
    You have 8 actions left. Always answer in the form <think> [your thoughts] </think> <answer> [your answer] </answer>, without any other text. Your answer may have 200 words (tokens) at most."
  `);
  expect(textOf((await tell('ragen', ['raw no answer'], { scoring: 'ragen' }))[1])).toMatch(
    /^Reward:\n0\n\nTurn 2:\nState:\nInstruction: Find me[^[]*dollars\.Buy/,
  );
  expect(textOf(empty)).toContain('\nTurn 4:\n');
  expect(textOf(empty)).toContain('You have 7 actions left.');
  expect(empty?.validActions).toEqual(['click[back to search]']);
});

test('verl-agent', async () => {
  const [first, results, item, chosen] = await tell('verl-agent', ['search[shirt]', 'click[b000000001]', 'click[grey]']);
  expect(textOf(first)).toMatchInlineSnapshot(`
    "You are an expert agent who shops in the e-commerce environment WebShop.
    Your task: Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars.
    The page that you see now: 'Search'.
    What you may do now:
    [
    'search[<your query>]',
    'click[search]',
    ]

    Decide on your next action. First reason step by step about where you stand, between the tags <think> and </think>. Then choose one of the actions above and give it between the tags <action> and </action>."
  `);
  expect(textOf(results)).toMatchInlineSnapshot(`
    "You are an expert agent who shops in the e-commerce environment WebShop.
    Your task: Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars.
    You have taken 1 step so far. The latest of them, each with the page that was shown and what you did:
    [Observation 1: ''Search'', Action 1: 'search[shirt]']
    This is step 2.
    The page that you see now: 'Back to Search' [SEP] 'Page 1 (Total results: 2)' [SEP] 'Next >' [SEP] 'B000000001' [SEP] 'Blue Cotton Shirt' [SEP] '$20.0' [SEP] 'B000000002' [SEP] 'Wool Sock' [SEP] '$20.0'.
    What you may do now:
    [
    'click[back to search]',
    'click[next >]',
    'click[b000000001]',
    'click[b000000002]',
    ]

    Decide on your next action. First reason step by step about where you stand, between the tags <think> and </think>. Then choose one of the actions above and give it between the tags <action> and </action>."
  `);
  expect(textOf(item)).toContain("[Observation 1: ''Search'', Action 1: 'search[shirt]']\n[Observation 2: ''Back to Search' [SEP]");
  expect(textOf(chosen)).not.toContain('Observation 1:');
  expect(textOf(chosen)).toContain('Observation 3:');
  expect([first, results, item].map((observation) => observation?.fresh)).toEqual([true, true, true]);
  expect(first?.validActions).toEqual(['search[<your query>]', 'click[search]']);
});

test('react', async () => {
  const [first, confused] = await tell('react', ['raw I do not know']);
  expect(textOf(first)).toMatchInlineSnapshot(`
    "You shop in an online shop by following an instruction. In every turn you are told what you see and which actions there are, and answer with a thought and one action.
    There are two kinds of action:
    search[keywords]: searches the shop; possible where a search bar is offered.
    click[value]: clicks a button, a product or an option whose text is the value; it has to be among the values that are offered.
    Actions that are not possible change nothing. The keywords of a search are yours to choose.
    Answer in this form:
    Thought: what you think
    Action: search[keywords] or click[value]

    WebShop [SEP] Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Search

    Search bar: yes. Values that can be clicked: [search]"
  `);
  expect(textOf(confused)).toMatchInlineSnapshot(`
    "Invalid Action.

    WebShop [SEP] Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Search

    Search bar: yes. Values that can be clicked: [search]"
  `);
});

test('boxed', async () => {
  const [first, confused, results] = await tell('boxed', ['raw nothing', 'search[shirt]']);
  expect(textOf(first)).toMatchInlineSnapshot(`
    "You are in an online shop. Find and buy a product that fits the instruction.
    Each turn, choose one of the actions that are offered: search[words] with words of your choice, or click[value].
    Choose the options that the instruction asks for before click[buy now], which ends the task.
    Reason first, then give the action in \\boxed{}, for example \\boxed{search[wool socks]}.
    Instruction: Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars

    Search
    Actions: search[<query>]"
  `);
  expect(textOf(confused)).toMatchInlineSnapshot(`
    "No action was found in \\boxed{}.
    Search
    Actions: search[<query>]"
  `);
  expect(textOf(results)).toMatchInlineSnapshot(`
    "Back to Search [SEP] Page 1 (Total results: 2) [SEP] Next > [SEP] B000000001 [SEP] Blue Cotton Shirt [SEP] $20.0 [SEP] B000000002 [SEP] Wool Sock [SEP] $20.0
    Actions: click[back to search], click[next >], click[b000000001], click[b000000002]"
  `);
});

test('tools', async () => {
  const [first, results, unknown, refused] = await tell('tools', [
    'search[shirt]',
    'raw <tool_call>{"name": "buy", "arguments": {}}</tool_call>',
    'click[buy now]',
  ]);
  expect(textOf(refused)).toContain('<tool>\nThat is not possible on this page; nothing changed.\n\nInstruction:');
  expect(first?.tools).toEqual(shopTools);
  expect(textOf(first)).toMatchInlineSnapshot(`
    "<user>
    Buy a product in an online shop. Call one function in every turn: search to look for products, click to press a button, open a product or choose an option. Choose every option that is asked for before you click "buy now", which ends the task.

    What to buy: Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars

    WebShop [SEP] Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Search"
  `);
  expect(textOf(results)).toMatchInlineSnapshot(`
    "<assistant>

    {"tool_calls":[{"id":"call00001","type":"function","function":{"name":"search","arguments":{"keywords":"shirt"}}}]}
    <tool>
    Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Back to Search [SEP] Page 1 (Total results: 2) [SEP] Next > [SEP] B000000001 [SEP] Blue Cotton Shirt [SEP] $20.0 [SEP] B000000002 [SEP] Wool Sock [SEP] $20.0

    Can be clicked:
    back to search
    next >
    b000000001
    b000000002
    {"tool_call_id":"call00001","name":"search"}"
  `);
  expect(textOf(unknown)).toMatchInlineSnapshot(`
    "<user>
    There is no function "buy". Call search or click.

    Instruction: [SEP] Find me cotton shirts with color: grey, and size: large, and price lower than 60.00 dollars [SEP] Back to Search [SEP] Page 1 (Total results: 2) [SEP] Next > [SEP] B000000001 [SEP] Blue Cotton Shirt [SEP] $20.0 [SEP] B000000002 [SEP] Wool Sock [SEP] $20.0

    Can be clicked:
    back to search
    next >
    b000000001
    b000000002"
  `);
});

describe('limits', () => {
  test('RAGEN ends after nine turns, whether there was an action in them or not', async () => {
    const { env, episode } = await open('ragen');
    for (let turn = 1; turn < 9; turn++)
      expect(await episode.step(turn % 2 === 0 ? 'hm' : env.options.style.say('search[shirt]'))).toMatchObject({ done: false });
    expect(await episode.step('hm')).toMatchObject({ done: true, reward: 0 });
  });

  test('more actions mean more turns', async () => {
    const { env, episode } = await open('ragen', { maxActions: 10 });
    for (let turn = 1; turn < 10; turn++) expect(await episode.step('hm')).toMatchObject({ done: false, valid: false });
    expect(await episode.step('hm')).toMatchObject({ done: true });
    expect(env.config).toMatchObject({ maxActions: 10, maxTurns: 10, style: { name: 'ragen', actionsPerTurn: 1 }, layout: 'full' });
  });

  test('several actions of a RAGEN turn are done in order, up to the purchase and to the limits', async () => {
    const { env, episode } = await open('ragen', { actionsPerTurn: 3 });
    const say = env.options.style.say;
    await episode.step(say('search[shirt] || click[b000000001] || click[large] || click[grey]'));
    await episode.step(say('click[grey] || click[buy now] || click[< prev]'));
    expect(() => episode.step(say('search[x]'))).toThrow(/after the end of the episode/);
  });

  test('verl-agent leaves the history out of prompts above its limit', async () => {
    const told = await tell('verl-agent', ['search[shirt]', 'click[b000000001]'], { promptLimit: 1200 });
    expect(textOf(told[1])).toContain('Observation 1');
    expect(textOf(told[2])).not.toContain('Observation 1');
    expect(textOf(told[2])).toContain("'click[buy now]',");
    expect((await tell('verl-agent', ['search[shirt]'], { history: 0 })).map(textOf).join()).not.toContain('Observation 1');
  });

  test('think-act leaves out what is oldest first', async () => {
    const actions = ['search[shirt]', 'click[b000000001]', 'click[grey]'];
    const whole = textOf((await tell('think-act', actions, { history: 3 })).at(-1));
    expect(whole.match(/^Turn \d+:$/gm)).toEqual(['Turn 1:', 'Turn 2:', 'Turn 3:']);
    const shorter = textOf((await tell('think-act', actions, { history: 3, promptLimit: whole.length - 1 })).at(-1));
    expect(shorter.match(/^Turn \d+:$/gm)).toEqual(['Turn 2:', 'Turn 3:']);
    expect(shorter).toContain('Now turn 4.');
  });
});

test('settings that mean nothing to a style are refused, and names that are nearly right are hinted at', async () => {
  const refused = (options: object) => WebShopEnv.open({ data: folder, ...options }).catch((error: unknown) => error);
  expect(await refused({ style: 'ragen', history: 2 })).toMatchObject({
    code: 'ASTARPO_OPTION',
    hint: expect.stringContaining('think-act, verl-agent'),
  });
  expect(await refused({ style: 'verlagent' })).toMatchObject({ code: 'ASTARPO_OPTION', hint: 'did you mean verl-agent?' });
  expect(await refused({ style: 'tools', callFormat: 'hermesse' })).toMatchObject({ hint: 'did you mean hermes?' });
  expect(await refused({ style: 'verl-agent', history: -1 })).toMatchObject({ code: 'ASTARPO_OPTION' });
  expect(await refused({ style: 'think-act', promptLimit: 9000 })).toMatchObject({ hint: expect.stringContaining('maxContext') });
  expect(await refused({ style: {} })).toMatchObject({ code: 'ASTARPO_OPTION' });
  expect(await refused({ style: 'constructor' })).toMatchObject({ code: 'ASTARPO_OPTION' });
  expect(await refused({ histroy: 2 })).toMatchObject({ code: 'ASTARPO_UNKNOWN_OPTION', hint: 'did you mean history?' });
  expect(await refused({ pageBudget: 500, layout: 'html' })).toMatchObject({ code: 'ASTARPO_OPTION' });
  expect(await refused({ pageBudget: 500, style: 'numbered' })).toMatchObject({ code: 'ASTARPO_OPTION' });
});

test("candidates are those of the paper: searches of one's own, products by title, a sample of many", async () => {
  const { episode } = await open('plain');
  const random = new Rng(1n);
  expect(candidateActions(episode.first, random, { queries: ['a b', 'c'] }).map(({ text }) => text)).toEqual(['search[a b]', 'search[c]']);
  const { observation } = await episode.step('search[shirt]');
  expect(candidateActions(observation as Observation, random)).toEqual([
    { text: 'click[back to search]', action: 'click[back to search]' },
    { text: 'click[next >]', action: 'click[next >]' },
    { text: 'click[item - Blue Cotton Shirt]', action: 'click[b000000001]' },
    { text: 'click[item - Wool Sock]', action: 'click[b000000002]' },
  ]);
  const queries = Array.from({ length: 21 }, (_, i) => `q${i}`);
  const sampled = candidateActions(episode.first, random, { queries });
  expect(sampled).toHaveLength(16);
  expect(sampled.slice(0, 6).map(({ action }) => action)).toEqual(queries.slice(0, 6).map((query) => `search[${query}]`));
  expect(new Set(sampled.map(({ action }) => action)).size).toBe(16);
  expect(() => candidateActions({ ...episode.first }, random)).toThrow(/copy/);
});
