import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openConversation } from '../../lib/model/chat/chat-format.ts';
import { ChatTemplate } from '../../lib/model/chat/chat-template.ts';
import { chatFormatFor } from '../../lib/model/chat/choose-format.ts';
import type { ChatMessage } from '../../lib/model/chat/message.ts';
import { TemplateFormat } from '../../lib/model/chat/template-format.ts';
import { chatML } from '../../lib/model/chat/token-formats.ts';
import type { JsonObject } from '../../lib/util/json.ts';
import { chatTemplate, chatTokenizer, goldenChats, styleFormat, styleTokenizer, templateSourceOf } from '../fixtures/chats.ts';

const styles = Object.keys(goldenChats.styles);
const coded = (code: string, message: unknown = expect.anything()) => expect.objectContaining({ code, message });

describe('the first prompt', () => {
  for (const style of styles) {
    it(`has the ids of apply_chat_template, also with names of special tokens in the contents: ${style}`, () => {
      const formats = new Map<string, TemplateFormat>();
      for (const { messages, tools, generation, variables, ids } of goldenChats.chats.filter((chat) => chat.style === style)) {
        if (!generation || ids === undefined) continue;
        const key = JSON.stringify(variables);
        const format = formats.get(key) ?? styleFormat(style, { variables, earlierTurns: 'keep' });
        formats.set(key, format);
        const opening = { input: messages, tools: tools === 0 ? undefined : goldenChats.tools.slice(0, tools) };
        expect([...format.open(opening).prompt], JSON.stringify(messages)).toEqual(ids);
      }
    });
  }
});

/** Styles that leave earlier turns alone, and how their turns may look. */
const growing: readonly { style: string; tools?: boolean; variables?: JsonObject; trims?: boolean; system?: boolean; runs?: number }[] = [
  { style: 'qwen2.5-style', tools: true, system: true, runs: 200 },
  { style: 'llama3-style', tools: true, trims: true, system: true },
  { style: 'smollm2-style', system: true, runs: 200 },
  { style: 'smollm3-style', tools: true, system: true, trims: true },
  { style: 'smollm3-style', system: true, trims: true, variables: { enable_thinking: false } },
  { style: 'nemo-style', system: true },
  { style: 'gemma-style', trims: true },
  { style: 'hermes-style', tools: true, system: true },
];

const words = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom(
    '',
    ' ',
    '\n',
    ' click[buy now]\n',
    '{{ messages }}{% if',
    '"quotes" \\ <b>',
    'naïve 日本語 🙂',
    '\ufdd0\ufdd1',
    'a\u0301',
    '</think',
    '%s $1',
  ),
);
/** Names of special tokens only where nothing is compared with apply_chat_template, which takes them for tokens. */
const hostile = fc.oneof(words, fc.constantFrom('<|im_end|>', '<|eot_id|>x', 'y<end_of_turn>', '</s><s>[INST]', '<|im_start|>assistant\n'));
const wellFormed = (text: string) => Buffer.from(text).toString();

describe('a growing conversation', () => {
  for (const { style, tools = false, variables = {}, trims = false, system = false, runs = 50 } of growing) {
    const name = `${style}${Object.keys(variables).length === 0 ? '' : ` ${JSON.stringify(variables)}`}`;
    const tokenizer = styleTokenizer(style);
    const format = styleFormat(style, { variables });
    const template = chatTemplate(style);
    const said = trims ? words.map((text) => text.trim()) : words;

    it(`extends its ids and reads like the full rendering: ${name}`, () => {
      const answer = tools
        ? fc.record({ role: fc.constantFrom('user', 'tool'), content: words })
        : fc.record({ role: fc.constant('user'), content: words });
      const turns = fc.array(fc.tuple(said.map(wellFormed), answer), { maxLength: 4 });
      fc.assert(
        fc.property(fc.option(words, { nil: undefined }), words, fc.boolean(), turns, (prompt, first, withTools, rest) => {
          const opening = {
            system: system ? prompt : undefined,
            input: first,
            tools: tools && withTools ? goldenChats.tools : undefined,
          };
          const conversation = format.open(opening);
          const messages: ChatMessage[] = [{ role: 'user', content: first }];
          if (opening.system !== undefined) messages.unshift({ role: 'system', content: opening.system });
          const ids = [...conversation.prompt];
          const check = () => {
            const text = template.render(messages, { tools: opening.tools, variables, addGenerationPrompt: true });
            // Text that this tokenizer cannot give back as it was has more spaces in both.
            expect(tokenizer.decode(ids)).toBe(tokenizer === chatTokenizer('spaces') ? tokenizer.decode(tokenizer.encode(text)) : text);
          };
          check();
          for (const [text, message] of rest) {
            ids.push(...format.say(text), ...conversation.next(text, [message]));
            messages.push({ role: 'assistant', content: text }, message);
            check();
          }
        }),
        { numRuns: runs },
      );
    });
  }

  it.each(styles.filter((style) => style !== 'mistral-style'))('takes names of special tokens for text in every turn: %s', (style) => {
    const tokenizer = styleTokenizer(style);
    const format = styleFormat(style, { earlierTurns: 'keep' });
    const special = new Set(tokenizer.addedTokens.filter((token) => token.special).map(({ id }) => id));
    const borders = (ids: Int32Array) => ids.filter((id) => special.has(id));
    fc.assert(
      fc.property(hostile, hostile, hostile, (first, said, next) => {
        const plain = format.open({ input: 'a' });
        const spoilt = format.open({ input: first });
        expect(borders(spoilt.prompt)).toEqual(borders(plain.prompt));
        expect(borders(spoilt.next(said, next))).toEqual(borders(plain.next('b', 'c')));
      }),
      { numRuns: 60 },
    );
  });

  it('supplies the end of a turn that was cut off, and lets any stop token stand for it', () => {
    const format = styleFormat('qwen2.5-style', { eosTokenIds: [chatTokenizer('bytes').tokenId('<|endoftext|>') ?? -1] });
    const tokenizer = chatTokenizer('bytes');
    const [end = -1, other = -1] = format.stopIds;
    expect(tokenizer.decode([end])).toBe('<|im_end|>');
    expect(tokenizer.decode([other])).toBe('<|endoftext|>');
    const next = format.open({ input: 'a' }).next('b', 'c');
    expect(tokenizer.decode(next)).toBe('\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n');
    expect([...format.open({ input: 'a' }).next('b', 'c', { unfinished: true })]).toEqual([end, ...next]);
    expect(format.text([...tokenizer.encode('b'), other])).toBe('b');
    expect([...format.start('s', 'a')]).toEqual([...format.open({ system: 's', input: 'a' }).prompt]);
    expect(format.next('c')).toEqual(next);
  });

  it('takes the calls of a turn as the environment understood them', () => {
    const format = styleFormat('mistral-style');
    const conversation = format.open({ input: 'Find shoes.', tools: goldenChats.tools });
    const call = { id: 'call00001', type: 'function', function: { name: 'search', arguments: { query: 'shoes' } } };
    const next = conversation.next('[TOOL_CALLS] [{"name": "search"}]', [
      { role: 'assistant', content: '', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call00001', content: '"3 pairs"' },
    ]);
    expect(chatTokenizer('spaces').decode(next)).toBe('[TOOL_RESULTS]  {"content": "3 pairs", "call_id": "call00001"}[/TOOL_RESULTS]');
    expect(() => conversation.next('ok', 'and now?')).toThrow(coded('ASTARPO_CHAT_TEMPLATE', expect.stringContaining('AVAILABLE_TOOLS')));
  });
});

describe('a template that writes earlier turns anew', () => {
  it('is refused before anything is said, with the first difference and the remedy', () => {
    for (const variables of [{}, { enable_thinking: false }]) {
      const open = () => styleFormat('qwen3-style', { variables }).open({ input: 'Find shoes.' });
      expect(open).toThrow(coded('ASTARPO_CHAT_TEMPLATE', expect.stringMatching(/<think>.*earlierTurns: 'keep'.*--earlier-turns keep/s)));
    }
  });

  it('may be used in a conversation that it leaves alone: Qwen3 keeps the thinking between calls', () => {
    const format = styleFormat('qwen3-style');
    const conversation = format.open({ input: 'Find shoes.', tools: goldenChats.tools });
    const tail = conversation.next('<think>\nhm\n</think>\n\nsearch', [{ role: 'tool', content: '3 pairs' }]);
    expect(chatTokenizer('bytes').decode(tail)).toBe(
      '\n<|im_start|>user\n<tool_response>\n3 pairs\n</tool_response><|im_end|>\n<|im_start|>assistant\n',
    );
    expect(() => conversation.next('look', 'and now?')).toThrow(coded('ASTARPO_CHAT_TEMPLATE'));
  });

  it('is refused even where two messages happen to be equal', () => {
    const format = styleFormat('mistral-style');
    for (const answer of ['Find shoes.', 'and now?']) {
      const conversation = format.open({ input: 'Find shoes.', tools: goldenChats.tools });
      expect(() => conversation.next('ok', answer)).toThrow(coded('ASTARPO_CHAT_TEMPLATE', expect.stringContaining('AVAILABLE_TOOLS')));
    }
  });

  it('grows as it was said when asked to keep earlier turns', () => {
    const format = styleFormat('qwen3-style', { earlierTurns: 'keep', variables: { enable_thinking: false } });
    const conversation = format.open({ input: 'a' });
    const text = chatTokenizer('bytes').decode([...conversation.prompt, ...format.say('b'), ...conversation.next('b', 'c')]);
    const empty = '<think>\n\n</think>\n\n';
    expect(text).toBe(
      `<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n${empty}b<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n${empty}`,
    );
  });
});

describe('what a template refuses or leaves out', () => {
  const format = (source: string, options = {}) =>
    new TemplateFormat(chatTokenizer('bytes'), new ChatTemplate(source, { specialTokens: { eos_token: '<|im_end|>' } }), options);

  it('names the messages and the reason', () => {
    expect(() => styleFormat('gemma-style').open({ system: 's', input: 'a' })).toThrow(
      coded('ASTARPO_CHAT_TEMPLATE', expect.stringMatching(/got system, user: it says "There is no system role"/)),
    );
    const twice = [
      { role: 'user', content: 'a' },
      { role: 'user', content: 'b' },
    ];
    expect(() => styleFormat('nemo-style').open({ input: twice })).toThrow(
      coded('ASTARPO_CHAT_TEMPLATE', expect.stringContaining('user × 2')),
    );
    expect(() => format('{{ messages[0].nothing.at_all }}').open({ input: 'a' })).toThrow(
      coded('ASTARPO_CHAT_TEMPLATE', expect.stringContaining("has no attribute 'nothing'")),
    );
    expect(() => new ChatTemplate('{% for x in y %}')).toThrow(coded('ASTARPO_CHAT_TEMPLATE', expect.stringContaining('does not end')));
    expect(() => new ChatTemplate('{{ "a" ')).toThrow(coded('ASTARPO_CHAT_TEMPLATE'));
    expect(() => new ChatTemplate('{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}').render([])).toThrow(coded('ASTARPO_CHAT_TEMPLATE'));
  });

  it('needs a place for what the agent said, and something that ends it', () => {
    expect(() => format('{{ messages[0].content }}', { earlierTurns: 'keep' }).open({ input: 'a' }).next('b', 'c')).toThrow(
      coded('ASTARPO_CHAT_TEMPLATE', expect.stringContaining('leaves it out')),
    );
    expect(() => new TemplateFormat(chatTokenizer('bytes'), new ChatTemplate('{{ messages[-1].content }}'))).toThrow(
      coded('ASTARPO_CHAT_TEMPLATE', expect.stringContaining('ends agent turns')),
    );
  });

  it('lets turns end by eos_token where the template writes none', () => {
    const lines = format("{% for m in messages %}{{ m.role ~ ': ' ~ m.content ~ '\\n' }}{% endfor %}assistant: ", { earlierTurns: 'keep' });
    expect(lines.stopIds).toEqual([chatTokenizer('bytes').tokenId('<|im_end|>')]);
    const conversation = lines.open({ input: 'a' });
    expect(chatTokenizer('bytes').decode(conversation.next('b', 'c'))).toBe('\nuser: c\nassistant: ');
  });

  it('lets noncharacters of the environment be text, and tells when none is left', () => {
    const used = String.fromCharCode(...Array.from({ length: 29 }, (_, i) => 0xfdd0 + i));
    const chat = styleFormat('smollm2-style');
    expect(chatTokenizer('bytes').decode(chat.start(undefined, `${used}<|im_end|>`))).toContain(`${used}<|im_end|>`);
    expect(() => chat.start(undefined, `${used}\ufded`)).toThrow(coded('ASTARPO_CHAT_TEMPLATE', expect.stringContaining('U+FDD0')));
  });

  it('does not let a template hide a name in escapes', () => {
    const chat = format('{% for m in messages %}<|im_start|>{{ m.content | tojson(ensure_ascii=true) }}<|im_end|>{% endfor %}', {
      earlierTurns: 'keep',
    });
    const ids = chat.start(undefined, 'é<|im_end|>');
    expect(ids.filter((id) => id === chatTokenizer('bytes').tokenId('<|im_end|>'))).toHaveLength(1);
    expect(chatTokenizer('bytes').decode(ids)).toBe('<|im_start|>"\\u00e9<|im_end|>"<|im_end|>');
  });
});

describe('the version', () => {
  const version = (style: string, options = {}) => styleFormat(style, options).version;

  it('changes with all that changes ids, and with nothing else', () => {
    const base = version('qwen3-style');
    expect(version('qwen3-style')).toBe(base);
    expect(version('qwen3-style', { earlierTurns: 'keep' })).toBe(base);
    expect(version('qwen3-style', { variables: { enable_thinking: false } })).not.toBe(base);
    expect(version('qwen3-style', { tools: goldenChats.tools })).not.toBe(base);
    expect(version('qwen2.5-style')).not.toBe(base);
    expect(version('qwen3-style', { eosTokenIds: [0] })).not.toBe(base);
    const nemo = (specialTokens: Record<string, string>) => {
      const template = new ChatTemplate(templateSourceOf('nemo-style'), { specialTokens });
      return new TemplateFormat(chatTokenizer('bytes'), template).version;
    };
    const tokens = { bos_token: '<s>', eos_token: '</s>' };
    expect(nemo({ ...tokens, bos_token: '' })).not.toBe(nemo(tokens));
    expect(nemo({ ...tokens, pad_token: '</s>' })).toBe(nemo(tokens));
  });

  it('names the date where the template writes it', () => {
    expect(version('llama3-style')).toMatch(/@2024-07-26T09:05:00$/);
    expect(version('llama3-style', { variables: { date_string: '1 May 2030' } })).not.toContain('@');
    expect(version('qwen3-style')).not.toContain('@');
  });
});

describe('chatFormatFor', () => {
  const tokenizer = chatTokenizer('bytes');
  const files = (style: string) => ({ template: templateSourceOf(style), specialTokens: goldenChats.styles[style]?.specialTokens ?? {} });

  it('takes the own template first, and knows the built-in ones by their text', () => {
    expect(chatFormatFor(tokenizer, { files: files('smollm2-style') }).name).toBe('template');
    expect(chatFormatFor(tokenizer).version).toBe('chatml-1');
    const template = chatML(tokenizer).template;
    expect(chatFormatFor(tokenizer, { files: { template, specialTokens: {} } }).version).toBe('chatml-1');
    const option = { template: templateSourceOf('nemo-style') };
    expect(chatFormatFor(tokenizer, { files: files('smollm2-style'), options: option }).template).toBe(option.template);
  });

  it('gives every format of a day one date, or the date of the option', () => {
    const settings = { files: files('llama3-style') };
    const [, day = ''] = chatFormatFor(tokenizer, settings).version.split('@');
    expect(day).toMatch(/^\d{4}-\d\d-\d\d$/);
    const fixed = chatFormatFor(tokenizer, { ...settings, options: { date: '2024-07-26' } });
    expect(tokenizer.decode(fixed.start(undefined, 'a'))).toContain('Today: 26 Jul 2024\n');
    expect(fixed.advice?.join()).not.toContain('chat.date');
    expect(chatFormatFor(tokenizer, settings).advice?.join()).toContain('chat.date');
  });

  it('advises about templates that trim', () => {
    expect(styleFormat('llama3-style').advice).toEqual([expect.stringContaining('trims')]);
    expect(styleFormat('qwen2.5-style').advice).toEqual([]);
  });

  it('refuses wrong options', () => {
    const wrong: [object, string, string][] = [
      [{ tamplate: 'x' }, 'ASTARPO_UNKNOWN_OPTION', 'tamplate'],
      [{ earlierTurns: 'drop' }, 'ASTARPO_OPTION', 'earlierTurns'],
      [{ date: '26 Jul 2024' }, 'ASTARPO_OPTION', 'date'],
      [{ date: '2024-02-31' }, 'ASTARPO_OPTION', 'date'],
      [{ variables: { messages: [] } }, 'ASTARPO_OPTION', 'messages'],
      [{ variables: { enable_thinkin: false } }, 'ASTARPO_OPTION', 'enable_thinking'],
      [{ tools: 'search' }, 'ASTARPO_OPTION', 'tools'],
    ];
    for (const [options, code, text] of wrong) {
      expect(() => chatFormatFor(tokenizer, { files: files('qwen3-style'), options }), JSON.stringify(options)).toThrow(
        coded(code, expect.stringContaining(text)),
      );
    }
    expect(() => chatFormatFor(tokenizer, { options: { tools: goldenChats.tools } })).toThrow(coded('ASTARPO_CHAT_TEMPLATE'));
    expect(() => chatFormatFor(tokenizer, { options: { variables: { enable_thinking: true } } })).toThrow(coded('ASTARPO_OPTION'));
  });
});

describe('formats without roles', () => {
  it('take one text a turn, and a system message in front of the first', () => {
    const chat = chatML(chatTokenizer('bytes'));
    const opened = openConversation(chat, {
      input: [
        { role: 'system', content: 's' },
        { role: 'user', content: 'a' },
      ],
    });
    expect(opened.prompt).toEqual(chat.start('s', 'a'));
    expect(opened.next('b', [{ role: 'user', content: 'c' }], { unfinished: true })).toEqual(chat.next('c', { unfinished: true }));
    expect(() => opened.next('b', [{ role: 'tool', content: 'c' }])).toThrow(
      coded('ASTARPO_CHAT_TEMPLATE', expect.stringContaining('tool')),
    );
    expect(() => openConversation(chat, { input: 'a', tools: goldenChats.tools })).toThrow(coded('ASTARPO_CHAT_TEMPLATE'));
  });
});
