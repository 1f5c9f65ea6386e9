import { describe, expect, it } from 'vitest';
import { globalFunctions } from '../../lib/model/chat/jinja/globals.ts';
import { runTemplate } from '../../lib/model/chat/jinja/interpreter.ts';
import { parseTemplate } from '../../lib/model/chat/jinja/parser.ts';
import { TemplateError } from '../../lib/model/chat/jinja/template-error.ts';
import { fromJson } from '../../lib/model/chat/jinja/values.ts';
import type { JsonObject } from '../../lib/util/json.ts';
import { chatTemplate, goldenChats, goldenDate, readChatFile } from '../fixtures/chats.ts';

interface Constructs {
  variables: JsonObject;
  constructs: { template: string; text?: string; error?: string }[];
}

const { variables, constructs } = JSON.parse(readChatFile('constructs.json')) as Constructs;
const values = new Map(Object.entries(variables).map(([name, value]) => [name, fromJson(value)]));
const run = (template: string) =>
  runTemplate(
    parseTemplate(template),
    globalFunctions(goldenDate, () => undefined),
    values,
  );

describe('Jinja', () => {
  it.each(constructs)('$template', ({ template, text }) => {
    if (text === undefined) expect(() => run(template)).toThrow(TemplateError);
    else expect(run(template)).toBe(text);
  });
});

describe('ChatTemplate', () => {
  for (const style of Object.keys(goldenChats.styles)) {
    it(`renders what transformers renders: ${style}`, () => {
      const template = chatTemplate(style);
      for (const { messages, tools, generation, variables, text } of goldenChats.chats.filter((chat) => chat.style === style)) {
        const given = tools === 0 ? undefined : goldenChats.tools.slice(0, tools);
        const render = () => template.render(messages, { tools: given, addGenerationPrompt: generation, variables });
        if (text === undefined)
          expect(render, JSON.stringify(messages)).toThrow(expect.objectContaining({ code: 'ASTARPO_CHAT_TEMPLATE' }));
        else expect(render()).toBe(text);
      }
    });
  }
});
