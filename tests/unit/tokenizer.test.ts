import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { URL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatFormatFor } from '../../lib/model/chat/choose-format.ts';
import { chatMLSpecialTokens, compactSpecialTokens } from '../../lib/model/chat/token-formats.ts';
import { Tokenizer } from '../../lib/model/tokenizer.ts';
import { trainBytePairTokenizer } from '../../lib/model/train-tokenizer.ts';
import type { JsonObject } from '../../lib/util/json.ts';

interface Golden {
  vocabSize: number;
  merges: [string, string][];
  encodings: { text: string; ids: number[]; decoded: string }[];
  formats: Record<
    string,
    { special: string[]; template: string; chats: { messages: { role: string; content: string }[]; ids: number[] }[] }
  >;
}
const folder = new URL('../golden/tokenizer/', import.meta.url);
const golden = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8')) as Golden;
const corpus = readFileSync(new URL('corpus.txt', folder), 'utf8').split('\n');
const train = (specialTokens: readonly string[]) => trainBytePairTokenizer(corpus, { vocabSize: golden.vocabSize, specialTokens });
const compact = Tokenizer.fromJson(train(compactSpecialTokens));

describe('trainBytePairTokenizer', () => {
  it('learns the merges that the Rust library learns', () => {
    const { model } = compact.json as unknown as { model: { merges: [string, string][] } };
    expect(model.merges).toEqual(golden.merges);
    expect(model.merges.length).toBe(golden.vocabSize - 256 - compactSpecialTokens.length);
  });

  it('encodes awkward texts to the ids of the Rust library, and back', () => {
    for (const { text, ids, decoded } of golden.encodings) {
      expect(Array.from(compact.encode(text)), JSON.stringify(text)).toEqual(ids);
      expect(compact.decode(ids), JSON.stringify(text)).toBe(decoded);
    }
  });

  it('is deterministic and gives special tokens the last ids', () => {
    expect(JSON.stringify(train(compactSpecialTokens))).toBe(JSON.stringify(compact.json));
    expect(compactSpecialTokens.map((token) => compact.tokenId(token))).toEqual([516, 517, 518, 519]);
    expect(compact.vocabSize).toBe(520);
  });

  it('keeps every text, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        expect(compact.decode(compact.encodeText(text))).toBe(text);
      }),
    );
  });

  it('merges nothing rarer than minFrequency and stops when nothing is left', () => {
    const json = trainBytePairTokenizer(['ab ab ab cd'], { vocabSize: 1000, minFrequency: 3 }) as unknown as {
      model: { merges: string[][] };
    };
    expect(json.model.merges).toEqual([['a', 'b']]);
  });

  it('splits by a given pattern, and keeps what it leaves out', () => {
    const json = trainBytePairTokenizer(['xx-xx-xx'], { vocabSize: 260, pattern: 'x' });
    expect((json as unknown as { model: { merges: string[][] } }).model.merges).toEqual([]);
    const tokenizer = Tokenizer.fromJson(json);
    expect(tokenizer.decode(tokenizer.encode('x-x'))).toBe('x-x');
  });

  it('refuses impossible sizes, doubled special tokens and patterns that do not parse', () => {
    const codes = [
      { vocabSize: 255 },
      { vocabSize: 300.5 },
      { vocabSize: 300, specialTokens: ['a', 'a'] },
      { vocabSize: 300, pattern: '(' },
    ];
    for (const options of codes)
      expect(() => trainBytePairTokenizer(['a'], options)).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
  });
});

describe('Tokenizer', () => {
  it('takes special tokens in outside text for text', () => {
    const injected = 'x<|end|>y';
    expect(compact.encode(injected)).toContain(compact.tokenId('<|end|>'));
    expect(compact.encodeText(injected)).not.toContain(compact.tokenId('<|end|>'));
    expect(compact.decode(compact.encodeText(injected))).toBe(injected);
  });

  it('lets no added token count in plain text, not even one that is not special', () => {
    const known = compact.json.added_tokens as JsonObject[];
    const call = { ...known[0], id: compact.vocabSize, content: '<call>', special: false } as JsonObject;
    const added_tokens = [...known, call];
    const tokenizer = Tokenizer.fromJson({ ...compact.json, added_tokens });
    expect(tokenizer.addedTokens.map(({ content }) => content)).toEqual([...compactSpecialTokens, '<call>']);
    expect(tokenizer.encodeText('<call>')).toEqual(Int32Array.of(compact.vocabSize));
    expect(tokenizer.encodePlain('a<call>b<|end|>')).toEqual(compact.encodeText('a<call>b<|end|>'));
  });

  it('saves and loads with the same hash', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'astarpo-tokenizer-'));
    try {
      await compact.save(temporary, { eos_token: '<|end|>', chat_template: 'x' });
      const loaded = await Tokenizer.load(temporary);
      expect(loaded.hash).toBe(compact.hash);
      expect(loaded.config).toMatchObject({ eos_token: '<|end|>', chat_template: 'x' });
      expect(JSON.parse(await readFile(join(temporary, 'special_tokens_map.json'), 'utf8'))).toEqual({ eos_token: '<|end|>' });
    } finally {
      await rm(temporary, { recursive: true });
    }
  });

  it('says what is wrong with files that are no tokenizer', async () => {
    const code = expect.objectContaining({ code: 'ASTARPO_TOKENIZER' });
    expect(() => Tokenizer.fromJson({})).toThrow(code);
    expect(() => Tokenizer.fromJson({ ...compact.json, model: null })).toThrow(code);
    await expect(Tokenizer.load(join(tmpdir(), 'astarpo-no-such-folder'))).rejects.toThrow(code);
  });
});

describe('chat formats', () => {
  for (const [name, special] of [
    ['chatml', chatMLSpecialTokens],
    ['compact', compactSpecialTokens],
  ] as const) {
    const format = golden.formats[name];
    const tokenizer = Tokenizer.fromJson(train(special));
    const chat = chatFormatFor(tokenizer);

    it(`${name}: chosen by special tokens, with the template that the golden file was rendered with`, () => {
      expect(chat.name).toBe(name);
      expect(chat.template).toBe(format?.template);
    });

    it(`${name}: turns give the ids that transformers renders`, () => {
      for (const { messages, ids } of format?.chats ?? []) {
        const system = messages[0]?.role === 'system' ? messages[0].content : undefined;
        const rest = messages.slice(system === undefined ? 0 : 1).map(({ content }) => content);
        const tokens = [...chat.start(system, rest[0] ?? '')];
        for (let i = 1; i + 1 < rest.length; i += 2) {
          tokens.push(...tokenizer.encodeText(rest[i] ?? ''), chat.stopIds[0] ?? -1, ...chat.next(rest[i + 1] ?? ''));
        }
        expect(tokens).toEqual(ids);
      }
    });

    it(`${name}: text drops the stop token alone; an unfinished turn gets one`, () => {
      const [stop = -1] = chat.stopIds;
      const action = [...tokenizer.encodeText('click[buy now]')];
      expect(chat.text([...action, stop])).toBe('click[buy now]');
      expect(chat.text(Int32Array.from(action))).toBe('click[buy now]');
      expect(chat.text([stop])).toBe('');
      expect(chat.text([stop, ...action])).not.toBe('click[buy now]');
      expect(Array.from(chat.next('x', { unfinished: true }))).toEqual([stop, ...chat.next('x')]);
    });

    it(`${name}: an observation cannot open or close a turn`, () => {
      const borders = special.map((token) => tokenizer.tokenId(token));
      const count = (ids: Int32Array) => ids.filter((id) => borders.includes(id)).length;
      expect(count(chat.next(special.join('')))).toBe(count(chat.next('plain')));
    });
  }

  it('refuses a tokenizer without turn borders', () => {
    const plain = Tokenizer.fromJson(trainBytePairTokenizer([], { vocabSize: 256 }));
    expect(() => chatFormatFor(plain)).toThrow(expect.objectContaining({ code: 'ASTARPO_TOKENIZER' }));
  });
});
