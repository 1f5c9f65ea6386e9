import { expect, it } from 'vitest';
import { Rng } from '../../lib/util/rng.ts';
import { readChatArguments } from '../oracle/chat/arguments.ts';
import { growingChat, randomChat } from '../oracle/chat/conversations.ts';

it('reads the arguments of npm run test:chat', () => {
  const given = readChatArguments(['--model', 'a', 'b', '--chat-variable', 'x=1', 'y=2', '--count', '7', '--chat-template', 'f']);
  expect(given).toEqual({ models: ['a', 'b'], variables: ['x=1', 'y=2'], count: 7, seed: 1, template: 'f' });
  expect(readChatArguments(['--help'])).toBeUndefined();
  expect(() => readChatArguments([])).toThrow('--model');
  expect(() => readChatArguments(['--modle', 'a'])).toThrow('--model');
  expect(() => readChatArguments(['--model', 'a', '--count', 'x'])).toThrow('--count');
});

it('makes conversations of every kind from a seed', () => {
  const chats = Array.from({ length: 300 }, (_, i) => randomChat(new Rng(BigInt(i)), ['<|end|>'], {}));
  expect(chats[3]).toEqual(randomChat(new Rng(3n), ['<|end|>'], {}));
  const roles = new Set(chats.flatMap(({ messages }) => messages.map(({ role }) => role)));
  expect([...roles].sort()).toEqual(['assistant', 'system', 'tool', 'user']);
  const text = JSON.stringify(chats);
  for (const kind of ['tool_calls', 'reasoning_content', '<think>', '<|end|>', '"tools":null', '"generation":false'])
    expect(text).toContain(kind);
  for (const { messages, sanitize } of chats) expect(sanitize || !JSON.stringify(messages).includes('<|end|>')).toBe(true);
  expect(growingChat(new Rng(1n))).toEqual(growingChat(new Rng(1n)));
});
