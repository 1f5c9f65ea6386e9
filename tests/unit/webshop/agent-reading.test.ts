import { describe, expect, test } from 'vitest';
import type { StyleSettings } from '../../../lib/env/webshop/agent/agent-options.ts';
import { type AgentStyleName, agentStyle } from '../../../lib/env/webshop/agent/styles.ts';

const offer = {
  searchBar: false,
  clickables: ['back to search', '< prev', 'description', 'buy now', 'b000000001', 'blue  |  red', '3x-large (us)', '16" x 16"', 'search'],
};

function read(style: AgentStyleName, said: string, settings: StyleSettings = {}) {
  return agentStyle(style, settings).begin().read(said, offer);
}

/** What was said, the actions that it means, and whether it has the form. */
type Row = readonly [said: string, actions: readonly string[], formatted: boolean];

test.each<Row>([
  ['click[buy now]', ['click[buy now]'], true],
  ['I think click[buy now]', ['I think click[buy now]'], true],
  ['', [''], true],
])('plain: %j', (said, actions, formatted) => {
  expect(read('plain', said)).toEqual({ actions, formatted });
});

describe('ragen', () => {
  test.each<Row>([
    ['<think>a</think><answer>search[x]</answer>', ['search[x]'], true],
    ['a</think> <answer>search[x]</answer>', ['search[x]'], true],
    ['<think>a\nb</think>\n\u00a0<answer>\n click[buy now] \n</answer> and more', ['click[buy now]'], true],
    ['</think><answer>search[x]</answer>', ['search[x]'], true],
    ['<think>a</think><answer>search[x] || click[y]</answer>', ['search[x]'], true],
    ['<think>a</think><answer> || search[x]||</answer>', ['search[x]'], true],
    ['<think>a</think><answer>||</answer>', [], false],
    ['<think>a</think><answer></answer>', [], false],
    ['<think>a</think><answer>Click[Buy Now]</answer>', ['Click[Buy Now]'], true],
    ['<think>a</think> so <answer>search[x]</answer>', [], false],
    ['<think>a</think> so </think><answer>search[x]</answer>', ['search[x]'], true],
    ['<think>a</think><answer>search[x]', [], false],
    ['<answer>search[x]</answer>', [], false],
    ['<think>a <answer>click[y]</answer></think><answer>search[x]</answer>', ['search[x]'], true],
    ['<think>a</think><answer><answer>search[x]</answer></answer>', ['search[x]'], true],
    ['<think>a</think><answer><|im_start|>search[x]<|im_end|></answer>', ['search[x]'], true],
    ['<think>a</think><answer><ans<think>wer>search[x]</answer>', ['search[x]'], true],
    ['<THINK>a</THINK><answer>search[x]</answer>', [], false],
    ['<think>a</think>\ufeff<answer>search[x]</answer>', [], false],
    ['search[x]', [], false],
  ])('%j', (said, actions, formatted) => {
    expect(read('ragen', said)).toMatchObject({ actions, formatted });
  });

  test('takes as many actions as the setting allows, and tells the thought', () => {
    const said = '<think>one <think> two</think><answer>search[x] || click[y] || click[z]</answer>';
    expect(read('ragen', said, { actionsPerTurn: 2 })).toEqual({
      actions: ['search[x]', 'click[y]'],
      formatted: true,
      thought: 'one  two',
    });
  });
});

describe('verl-agent', () => {
  test.each<Row>([
    ['<think>a</think><action>search[x]</action>', ['search[x]'], true],
    ['<think>a</think><ACTION> Click[Buy Now]\n</ACTION>', ['click[buy now]'], true],
    ['<action>search[x]</action>', ['search[x]'], false],
    ['<action>search[x]</action><think>late</think>', ['search[x]'], true],
    ['<Think>a</Think><action>search[x]</action>', ['search[x]'], false],
    ['<think>a</think><action>search[x]</action><action>click[y]</action>', ['search[x]'], true],
    ['<think>a</think></action><action>search[x]</action>', [''], true],
    ['<think>想</think><action>search[x]</action>', ['search[x]'], false],
    ['<think>a</think><action>search[帽子]</action>', ['search[帽子]'], false],
    ['<think>a</think> I will now do click[Buy Now]', ['ow do click[buy now]'], false],
    ['short', ['short'], false],
    ['', [''], false],
    ['0123456789 🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂 0123456', ['9 🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂 0123456'], false],
    ['<think>a</think><action>search[x]', ['nk><action>search[x]'], false],
  ])('%j', (said, actions, formatted) => {
    expect(read('verl-agent', said)).toMatchObject({ actions, formatted });
  });
});

test.each<Row>([
  ['Thought: I see.\nAction: search[x]', ['search[x]'], true],
  ['Thought:\nI see.\n\nAction:\nclick[buy now]\nObservation: …', ['click[buy now]'], true],
  ['Thought: a Action: search[x]', ['search[x]'], true],
  ['action : click[a]', ['click[a]'], true],
  ['**Action:** click[a]', ['click[a]'], true],
  ['Action: search[x]\nThought: hm\nAction: click[y]', ['click[y]'], true],
  ['Action: buy it', [], false],
  ['Action: Search[x]', [], false],
  ['Action:', [], false],
  ['Reaction: click[a]', [], false],
  ['search[x]', [], false],
])('react: %j', (said, actions, formatted) => {
  expect(read('react', said)).toMatchObject({ actions, formatted });
});

test('react tells the thought', () => {
  expect(read('react', 'Thought: I see.\nAction: search[x]').thought).toBe('I see.');
});

test.each<Row>([
  ['so \\boxed{search[x]}', ['search[x]'], true],
  ['\\boxed{search[a]} no, \\boxed{ click[b] }', ['click[b]'], true],
  ['\\boxed{search[{a} b]}', ['search[{a} b]'], true],
  ['\\boxed{a \\boxed{b}}', ['a \\boxed{b}'], true],
  ['{ \\boxed{search[a]}', ['search[a]'], true],
  ['\\boxed{search[a]', [], false],
  ['\\boxed{}', [], false],
  ['boxed{search[a]}', [], false],
  ['\\boxed{search[<r> a]}', ['search[ <r> a]'], true],
  ['\\boxed{search[<c>]}', ['search[ <c>]'], true],
  ['\\boxed{search[<b>]}', ['search[<b>]'], true],
])('boxed: %j', (said, actions, formatted) => {
  expect(read('boxed', said)).toMatchObject({ actions, formatted });
});

test.each<Row>([
  ['<tool_call>\n{"name": "search", "arguments": {"keywords": "red shoes"}}\n</tool_call>', ['search[red shoes]'], true],
  ['I look. <tool_call>{"name": "click", "arguments": {"value": "Buy Now"}}', ['click[buy now]'], true],
  ['<tool_call>{"name": "click", "arguments": {"value": "blue | red"}}</tool_call>', ['click[blue  |  red]'], true],
  ['<tool_call>{"name": "search", "arguments": "{\\"keywords\\": \\"a\\"}"}</tool_call>', ['search[a]'], true],
  ['<tool_call>{"name": "search", "arguments": {"keywords": "a [b]\\nc"}}</tool_call>', ['search[a b c]'], true],
  [
    '<tool_call>{"name": "search", "arguments": {"keywords": "a"}}</tool_call><tool_call>{"name": "click"}</tool_call>',
    ['search[a]'],
    true,
  ],
  ['{"name": "search", "parameters": {"keywords": "a"}}', ['search[a]'], true],
  ['<think>or <tool_call>{"name": "click"</think>\n<tool_call>{"name": "search", "arguments": {"keywords": "a"}}', ['search[a]'], true],
  ['<think>maybe {"name": "search", "arguments": {"keywords": "a"}}</think> no', [], false],
  ['<|python_tag|>{"name": "search", "parameters": {"keywords": "a"}}', ['search[a]'], true],
  ['I use {this}: {"type": "function", "function": {"name": "search", "arguments": {"keywords": "a"}}}', ['search[a]'], true],
  ['[TOOL_CALLS] [{"name": "search", "arguments": {"keywords": "a }{ \\" b"}, "id": "abcdefghi"}]', ['search[a }{ " b]'], true],
  ['[TOOL_CALLS]search{"keywords": "a"}', ['search[a]'], true],
  ['[TOOL_CALLS]click[ARGS]{"value": "DESCRIPTION"}', ['click[description]'], true],
  ['<tool_call>{"name": "buy", "arguments": {}}</tool_call>', [], false],
  ['<tool_call>{"name": "toString", "arguments": {"keywords": "a"}}</tool_call>', [], false],
  ['<tool_call>{"name": "search", "arguments": {"keywords": 7}}</tool_call>', [], false],
  ['<tool_call>{"name": "search", "arguments": {"keywords": " \\n"}}</tool_call>', [], false],
  ['<tool_call>{"name": "search", "arguments": {"query": "a"}}</tool_call>', [], false],
  ['<tool_call>{"name": "search", "arguments": {"keywords": "a"</tool_call>', [], false],
  ['{"name": "search"}', [], false],
  ['search[a]', [], false],
])('tools: %j', (said, actions, formatted) => {
  expect(read('tools', said)).toMatchObject({ actions, formatted });
});

test('tools tells the thought', () => {
  const call = '<tool_call>{"name": "search", "arguments": {"keywords": "a"}}</tool_call>';
  expect(read('tools', `<think>hm</think>\n${call}`).thought).toBe('hm');
  expect(read('tools', call).thought).toBeUndefined();
});

test('deeply nested calls do not overflow', () => {
  const deep = `<tool_call>{"name": "search", "arguments": ${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}</tool_call>`;
  expect(read('tools', deep).actions).toEqual([]);
});

describe('think-act', () => {
  test.each<Row>([
    ['<think>a</think><action>search[x y]</action>', ['search[x y]'], true],
    ['<action>search[x]', ['search[x]'], true],
    ['<ACTION> Search [ X ] </Action>', ['search[X]'], true],
    ['<action>click[Buy Now]</action>', ['click[buy now]'], true],
    ['<action>Buy Now</action>', ['click[buy now]'], true],
    ['<action>"click[blue | red]"</action>', ['click[blue  |  red]'], true],
    ['<action>click[3X-Large (US)].</action>', ['click[3x-large (us)]'], true],
    ['<action>click[16" x 16"]</action>', ['click[16" x 16"]'], true],
    ['<action>click["16" X 16""]</action>', ['click[16" x 16"]'], true],
    ['Action: 16" x 16"', ['click[16" x 16"]'], true],
    ['<action>search[a 6" "b"]</action>', ['search[a 6" "b"]'], true],
    ['<action>click(buy now)</action>', ['click[buy now]'], true],
    ['<action>search["red shoes"]</action>', ['search[red shoes]'], true],
    ['<action>search[red\nshoes]</action>', ['search[red shoes]'], true],
    ['<action>search[a [b] c]</action>', ['search[a b c]'], true],
    ['<action>```\nsearch[x]\n```</action>', ['search[x]'], true],
    ['<action></action> <action>search[x]</action>', ['search[x]'], true],
    ['<action>search[x]</action> Page: … <action>click[description]</action>', ['search[x]'], true],
    ['<think>maybe <action>search[a]</action> no</think><action>search[b]</action>', ['search[b]'], true],
    ['<think>I should <action>search[a]</action>', ['search[a]'], true],
    ['<think>I should search[a], I', [], false],
    ['<think>then <action>search[a]</action></think>', ['search[a]'], true],
    ['<thinking>a</thinking>\nsearch[x]', ['search[x]'], true],
    ['reasoning without an opening tag</think>\n\nsearch[x]', ['search[x]'], true],
    ['Thought: it is blue.\nAction: click[description]', ['click[description]'], true],
    ['Action:\n\n```text\nclick[description]\n```', ['click[description]'], true],
    ['**Action:** `click[description]`', ['click[description]'], true],
    ['Action: description', ['click[description]'], true],
    ['- click[description]', ['click[description]'], true],
    ['buy now', ['click[buy now]'], true],
    ['search', [], false],
    ['First search[a].\nclick[description]\nThat is all.', ['click[description]'], true],
    ['I could click[< prev], but I will click[description] now.', ['click[description]'], true],
    ['<answer>search[x]</answer>', ['search[x]'], true],
    ['click[nothing of the page]', ['click[nothing of the page]'], true],
    ['research[x]', [], false],
    ['search[]', [], false],
    ['search[" "]', [], false],
    ['search[x', [], false],
    ['I do not know.', [], false],
    ['', [], false],
    ['\u0000click[description]\u0007', ['click[description]'], true],
    ['\u001b[31mclick[description]\u001b[0m', [], false],
  ])('%j', (said, actions, formatted) => {
    expect(read('think-act', said)).toMatchObject({ actions, formatted });
  });

  test('tells the thought', () => {
    expect(read('think-act', '<think> hm </think><action>search[x]</action>').thought).toBe('hm');
    expect(read('think-act', '<action>search[x]</action>').thought).toBeUndefined();
  });
});
