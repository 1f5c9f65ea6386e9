import { describe, expect, it } from 'vitest';
import { goldenChats, styleFormat } from '../fixtures/chats.ts';

describe('the first prompt of a template format', () => {
  for (const style of Object.keys(goldenChats.styles)) {
    it(`has the ids of apply_chat_template, also with names of special tokens in the contents: ${style}`, () => {
      for (const { messages, tools, generation, variables, ids } of goldenChats.chats.filter((chat) => chat.style === style)) {
        if (!generation || ids === undefined) continue;
        const format = styleFormat(style, { variables, earlierTurns: 'keep' });
        const opening = { input: messages, tools: tools === 0 ? undefined : goldenChats.tools.slice(0, tools) };
        expect([...format.open(opening).prompt], JSON.stringify(messages)).toEqual(ids);
      }
    });
  }
});
