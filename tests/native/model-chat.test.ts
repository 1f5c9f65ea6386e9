import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Environment } from '../../lib/env/environment.ts';
import { chatFormatFor } from '../../lib/model/chat/choose-format.ts';
import { readChatFiles } from '../../lib/model/chat/template-files.ts';
import { modelConfig } from '../../lib/model/config.ts';
import { Policy } from '../../lib/model/policy.ts';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import { Tokenizer } from '../../lib/model/tokenizer.ts';
import { trainBytePairTokenizer } from '../../lib/model/train-tokenizer.ts';
import { rollout } from '../../lib/rollout/rollout.ts';
import type { JsonObject } from '../../lib/util/json.ts';
import { keyOf } from '../../lib/vstar/stage1.ts';
import { chatTokenizer, readChatFile, templateSourceOf } from '../fixtures/chats.ts';
import { ToyEnv } from '../fixtures/toy.ts';
import { withTemporaryFolder } from './golden.ts';

const size = { hiddenSize: 16, intermediateSize: 24, layers: 1, heads: 2, kvHeads: 1, maxPositions: 512, tiedHead: true };
const coded = (code: string, message: unknown = expect.anything()) => expect.objectContaining({ code, message });

/** A model folder with these files beside the tokenizer's; without any, its tokenizer names no chat format. */
async function modelFolder(folder: string, files: Record<string, string>, tokenizer = chatTokenizer('bytes')): Promise<string> {
  const config = modelConfig({ ...size, vocabSize: tokenizer.vocabSize, eosTokenIds: [0] });
  await using policy = await Policy.init(config, { tokenizer, seed: 1n });
  const target = join(folder, 'model');
  await policy.save(target, { card: false });
  await writeFile(join(target, 'tokenizer_config.json'), JSON.stringify({ eos_token: '<|im_end|>' }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(target, name, '..'), { recursive: true });
    await writeFile(join(target, name), text);
  }
  return target;
}

const qwen = readChatFile('qwen2.5-style.jinja');

describe('the chat template of a model folder', () => {
  const list = [
    { name: 'default', template: 'a' },
    { name: 'tool_use', template: 'b' },
  ];
  const places: [string, Record<string, string>, unknown][] = [
    [
      'chat_template.jinja',
      { 'chat_template.jinja': 'a', 'tokenizer_config.json': '{"chat_template":"x"}', 'chat_template.json': '{"chat_template":"y"}' },
      'a',
    ],
    ['tokenizer_config.json', { 'tokenizer_config.json': '{"chat_template":"a"}', 'chat_template.json': '{"chat_template":"y"}' }, 'a'],
    ['chat_template.json', { 'chat_template.json': '{"chat_template":"a"}' }, 'a'],
    ['a list in tokenizer_config.json', { 'tokenizer_config.json': JSON.stringify({ chat_template: list }) }, list],
    ['additional_chat_templates', { 'chat_template.jinja': 'a', 'additional_chat_templates/tool_use.jinja': 'b' }, list],
    ['nowhere', {}, undefined],
  ];
  it.each(places)('is found in %s', (_, files, template) =>
    withTemporaryFolder(async (folder) => {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(join(folder, name, '..'), { recursive: true });
        await writeFile(join(folder, name), text);
      }
      const config = JSON.parse(files['tokenizer_config.json'] ?? '{}') as JsonObject;
      expect((await readChatFiles(folder, config)).template).toEqual(template);
    }),
  );

  it('comes with the special tokens of the config, of an older map, and those of the model alone', () =>
    withTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'special_tokens_map.json'), '{"bos_token":{"content":"<map>"},"unk_token":"<unk>"}');
      const config: JsonObject = {
        bos_token: '<s>',
        eos_token: { content: '</s>' },
        pad_token: null,
        add_bos_token: true,
        image_token: '<image>',
      };
      const tokens = { eos_token: '</s>', image_token: '<image>' };
      expect((await readChatFiles(folder, config)).specialTokens).toEqual({ ...tokens, bos_token: '<map>', unk_token: '<unk>' });
      const newer = { ...config, added_tokens_decoder: {} };
      expect((await readChatFiles(folder, newer)).specialTokens).toEqual({ ...tokens, bos_token: '<s>' });
    }));

  it('is the format of the policy, its reference and its V* keys, and is saved with it', () =>
    withTemporaryFolder(async (folder) => {
      const source = await modelFolder(folder, { 'chat_template.jinja': qwen });
      await using policy = await Policy.load(source);
      expect(policy.chat.name).toBe('template');
      expect(policy.chat.stopIds.map((id) => policy.tokenizer.decode([id]))[0]).toBe('<|im_end|>');
      expect(policy.tokenizer.decode(policy.chat.start(undefined, 'a'))).toContain('You shop for people.');
      await using reference = await ReferenceModel.of(policy);
      expect(reference.chat.version).toBe(policy.chat.version);
      await using other = await Policy.load(source, { chat: { template: readChatFile('smollm2-style.jinja') } });
      await using otherReference = await ReferenceModel.of(other);
      const env: Environment = new ToyEnv() as unknown as Environment;
      const key = (model: ReferenceModel) => keyOf({ id: 'task' }, env, model, { sampling: { maxTokens: 1 } });
      expect(key(otherReference)).not.toBe(key(reference));

      await other.save(join(folder, 'saved'), { card: false });
      expect(await readFile(join(folder, 'saved', 'chat_template.jinja'), 'utf8')).toBe(readChatFile('smollm2-style.jinja'));
      await using again = await Policy.load(join(folder, 'saved'));
      expect(again.chat.version).toBe(other.chat.version);
    }));

  it('plays episodes', () =>
    withTemporaryFolder(async (folder) => {
      const source = await modelFolder(folder, { 'chat_template.jinja': qwen });
      await using policy = await Policy.load(source, { reproducible: true });
      const env = new ToyEnv();
      const jobs = [0, 1, 2].map((sample) => ({ task: env.tasks('train').at(0), sample, seed: BigInt(sample) }));
      const results = await rollout(policy, env, jobs, { sampling: { maxTokens: 4 } });
      for (const { trajectory } of results) {
        const [context] = trajectory?.contexts ?? [];
        const text = policy.tokenizer.decode(context?.tokens ?? []);
        expect(text).toMatch(/^<\|im_start\|>system\nYou shop for people\.<\|im_end\|>\n<\|im_start\|>user\neven<\|im_end\|>/);
        expect(context?.mask.reduce((sum, bit) => sum + bit, 0)).toBe(trajectory?.sampledTokens);
      }
    }));

  it('with several parts is replaced as a whole', () =>
    withTemporaryFolder(async (folder) => {
      const files = {
        'chat_template.jinja': qwen,
        'additional_chat_templates/tool_use.jinja': readChatFile('hermes-tool-use-style.jinja'),
      };
      const source = await modelFolder(folder, files);
      await using policy = await Policy.load(source);
      await policy.save(join(folder, 'same'), { card: false });
      expect(await readdir(join(folder, 'same', 'additional_chat_templates'))).toEqual(['tool_use.jinja']);
      await using other = await Policy.load(source, { chat: { template: readChatFile('smollm2-style.jinja') } });
      await other.save(join(folder, 'other'), { card: false });
      expect(await readdir(join(folder, 'other'))).not.toContain('additional_chat_templates');
      await using named = await Policy.load(source, { chat: { template: templateSourceOf('hermes-style') } });
      await named.save(join(folder, 'named'), { card: false });
      await using again = await Policy.load(join(folder, 'named'));
      expect(again.chat.version).toBe(named.chat.version);
    }));
});

describe('a model without a chat format', () => {
  const plain = () => Tokenizer.fromJson(trainBytePairTokenizer([], { vocabSize: 260, specialTokens: ['<|a|>'] }));

  it('loads, scores and saves, and tells who asks for the format what to do', () =>
    withTemporaryFolder(async (folder) => {
      const source = await modelFolder(folder, {}, plain());
      await using policy = await Policy.load(source);
      expect(() => policy.chat).toThrow(coded('ASTARPO_TOKENIZER', expect.stringContaining('--chat-template FILE')));
      const batch = {
        tokens: Int32Array.of(1, 2, 3),
        offsets: Int32Array.of(0, 3),
        mask: Uint8Array.of(0, 1, 1),
        temperature: Float32Array.of(1),
      };
      expect(await policy.score(batch)).toHaveLength(2);
      await policy.save(join(folder, 'saved'), { card: false });
      await using again = await Policy.load(join(folder, 'saved'));
      expect(await again.contentHash()).toBe(await policy.contentHash());
      const env = new ToyEnv();
      const jobs = [{ task: env.tasks('train').at(0), sample: 0, seed: 1n }];
      await expect(rollout(policy, env, jobs, { sampling: { maxTokens: 4 } })).rejects.toThrow(coded('ASTARPO_TOKENIZER'));
    }));

  it('loads with a broken template too, but not with a broken option', () =>
    withTemporaryFolder(async (folder) => {
      for (const broken of [{ 'chat_template.jinja': '{% for' }, { 'tokenizer_config.json': '{"chat_template":[{"name":1}]}' }]) {
        const source = await modelFolder(folder, broken as Record<string, string>);
        await using policy = await Policy.load(source);
        expect(() => policy.chat).toThrow(coded('ASTARPO_CHAT_TEMPLATE'));
        await using mended = await Policy.load(source, { chat: { template: qwen } });
        expect(mended.chat.name).toBe('template');
        await expect(Policy.load(source, { chat: { template: '{% for' } })).rejects.toThrow(coded('ASTARPO_CHAT_TEMPLATE'));
      }
      await expect(Policy.load(join(folder, 'model'), { chat: { earlier: 'keep' } as object })).rejects.toThrow(
        coded('ASTARPO_UNKNOWN_OPTION'),
      );
    }));

  it('keeps the formats by special tokens without any template', () => {
    expect(chatFormatFor(chatTokenizer('bytes')).version).toBe('chatml-1');
  });
});
