import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Observation } from '../../lib/env/environment.ts';
import { openConversation } from '../../lib/model/chat/chat-format.ts';
import { type ChatGenerator, type RolloutOptions, rollout } from '../../lib/rollout/rollout.ts';
import { playAgent } from '../../lib/rollout/scripted.ts';
import type { Trajectory } from '../../lib/rollout/trajectory.ts';
import { readTrajectories, saveTrajectories } from '../../lib/rollout/trajectory-file.ts';
import { rolloutMetrics } from '../../lib/train/batch-metrics.ts';
import { goldenChats, styleFormat } from '../fixtures/chats.ts';
import { Script, Speaker } from '../fixtures/talk.ts';
import { byteChat, FakeModel, ToyEnv } from '../fixtures/toy.ts';

const play = async (model: ChatGenerator, env: Script, options: Partial<RolloutOptions> = {}) => {
  const [result] = await rollout(model, env, [{ task: { id: 'task' }, sample: 0, seed: 1n }], {
    ...{ sampling: { maxTokens: 100 }, retries: 0, ...options },
  });
  return result;
};

/** Those of a finished episode. */
const contextsOf = (trajectory: Trajectory | undefined) => {
  if (trajectory === undefined) throw new Error('expected a trajectory');
  return trajectory.contexts;
};

/** Tokens and masks, where turns lie and what was said in them: what a model that says the same would have, whoever says it. */
const shapeOf = (trajectory: Trajectory | undefined) =>
  contextsOf(trajectory).map(({ tokens, mask, turns }) => ({
    tokens,
    mask,
    turns: turns.map(({ role, start, end, text, reward }) => ({ role, start, end, text, reward })),
  }));

const text = fc.string({ maxLength: 6 });
const messages = fc
  .tuple(fc.array(fc.record({ role: fc.constantFrom('user', 'tool'), content: text }), { minLength: 1, maxLength: 2 }), fc.boolean())
  .map(([rest, system]) => (system ? [{ role: 'system', content: 'Be kind.' }, ...rest] : rest));
/** What may begin a context. */
const opening: fc.Arbitrary<Observation> = fc.tuple(fc.oneof(text, messages), fc.boolean()).map(([said, tools]) => ({
  ...(typeof said === 'string' ? { text: said } : { messages: said }),
  ...(tools ? { tools: goldenChats.tools } : {}),
  fresh: true,
}));
const following: fc.Arbitrary<Observation> = text.map((said) => ({ text: said }));
const episode = fc.tuple(opening, fc.array(fc.tuple(fc.oneof(opening, following), text), { maxLength: 5 }), text);

describe('fresh observations', () => {
  const chat = styleFormat('hermes-style');

  it('make each context what an episode that began there would have been', async () => {
    await fc.assert(
      fc.asyncProperty(episode, fc.option(text, { nil: undefined }), async ([first, more, lastWord], system) => {
        const observations = [first, ...more.map(([observation]) => observation)];
        const words = [...more.map(([, said]) => said), lastWord];
        const { trajectory } = (await play(new Speaker(chat, ...words), new Script(...observations), { system })) ?? {};
        const shape = shapeOf(trajectory);
        const starts = observations.flatMap(({ fresh }, i) => (i === 0 || fresh === true ? [i] : []));
        expect(shape).toHaveLength(starts.length);
        let tools: Observation['tools'];
        for (const [i, start] of starts.entries()) {
          const end = starts[i + 1] ?? observations.length;
          const [own = { text: '' }, ...rest] = observations.slice(start, end);
          tools = own.tools ?? tools;
          const whole = { ...own, ...(tools === undefined ? {} : { tools }) };
          const alone = await play(new Speaker(chat, ...words.slice(start, end)), new Script(whole, ...rest), { system });
          expect(shape[i]?.tokens).toEqual(contextsOf(alone?.trajectory)[0]?.tokens);
          expect(shape[i]?.mask).toEqual(contextsOf(alone?.trajectory)[0]?.mask);
          const { prompt } = openConversation(chat, { system, input: own.text ?? own.messages ?? [], tools });
          expect(shape[i]?.tokens.slice(0, prompt.length)).toEqual(prompt);
          for (const turn of shape[i]?.turns ?? []) {
            const bits = new Set(shape[i]?.mask.subarray(turn.start, turn.end));
            expect([...bits]).toEqual(turn.start === turn.end ? [] : [turn.role === 'agent' ? 1 : 0]);
          }
        }
        let turn = 0;
        const agent = { act: () => words[turn++] ?? '' };
        const scripted = await playAgent(new Script(...observations), { id: 'task' }, agent, chat, {
          ...(system === undefined ? {} : { system }),
        });
        expect(shapeOf(scripted)).toEqual(shape);
        expect(scripted.sampledTokens).toBe(trajectory?.sampledTokens);
      }),
      { numRuns: 25 },
    );
  });

  it('keep the tools that were named before, and may name others', async () => {
    const env = new Script({ text: 'a', tools: goldenChats.tools }, { text: 'b', fresh: true }, { text: 'c', fresh: true, tools: [] });
    const result = await play(new Speaker(chat, 'x', 'y', 'z'), env);
    const prompts = contextsOf(result?.trajectory).map(({ tokens, turns }) => tokens.slice(0, turns[0]?.end));
    expect(prompts).toEqual([
      openConversation(chat, { input: 'a', tools: goldenChats.tools }).prompt,
      openConversation(chat, { input: 'b', tools: goldenChats.tools }).prompt,
      openConversation(chat, { input: 'c', tools: [] }).prompt,
    ]);
  });

  it('release the sequence before, and leave no end to a turn that was cut', async () => {
    const model = new FakeModel();
    model.speak = () => 'bbbb';
    const env = new Script({ text: 'one' }, { text: 'two', fresh: true }, { text: 'three' });
    const result = await play(model, env, { sampling: { maxTokens: 2 } });
    const masks = contextsOf(result?.trajectory).map(({ mask }) => [...mask].join(''));
    // 'one' bb | 'two' bb <stop, supplied> 'three' bb
    expect(masks).toEqual(['00011', `0001100000011`]);
    expect([model.most, model.live]).toEqual([1, 0]);
    expect(result?.trajectory).toMatchObject({ finish: 'done', agentTurns: 3, sampledTokens: 6 });
  });

  it('have room for a context each; one that is too long ends the episode', async () => {
    const model = new FakeModel();
    model.speak = () => 'b';
    const script = () => new Script({ text: '12345' }, { text: '123456', fresh: true }, { text: '12345678', fresh: true }, { text: '1' });
    // Each context alone has room for 8: the three together would have 25.
    const short = await play(model, script(), { maxContext: 8 });
    expect(short?.trajectory).toMatchObject({ finish: 'max_context', agentTurns: 2, contexts: [{}, {}] });
    expect(contextsOf(short?.trajectory).map(({ tokens }) => tokens.length)).toEqual([7, 8]);
    const long = await play(model, script(), { maxContext: 10 });
    // The last observation is not fresh and finds the context full.
    expect(long?.trajectory).toMatchObject({ finish: 'max_context', agentTurns: 3, contexts: [{}, {}, {}] });
    const none = await play(model, script(), { maxContext: 5 });
    expect(none?.fault).toMatchObject({ finish: 'model_error', error: { code: 'ASTARPO_CONTEXT' } });
    const agent = { act: () => 'b' };
    const scripted = await playAgent(script(), { id: 'task' }, agent, byteChat, { maxContext: 8 });
    expect(shapeOf(scripted)).toEqual(shapeOf(short?.trajectory));
    expect(scripted.finish).toBe('max_context');
    expect(model.live).toBe(0);
  });

  it('need a flag, and what a context begins with', async () => {
    const user = { role: 'user', content: 'a' };
    const wrong: [Observation, RegExp][] = [
      [{ text: 'b', fresh: 1 } as unknown as Observation, /fresh to be true or false, got 1/],
      [{ messages: [{ role: 'assistant', content: 'a' }, user], fresh: true }, /roles 'system', 'user', 'tool'/],
      [{ messages: [{ role: 'system', content: 'a' }, user], fresh: false }, /roles 'user', 'tool'/],
    ];
    for (const [observation, message] of wrong) {
      const result = await play(new Speaker(chat, 'x', 'y'), new Script({ text: 'a' }, observation));
      expect(result?.fault?.error).toMatchObject({ code: 'ASTARPO_ENVIRONMENT', message: expect.stringMatching(message) });
    }
  });

  it('do without templates that keep earlier turns, unless a turn follows', async () => {
    const forgetful = styleFormat('qwen3-style');
    const [first, second]: Observation[] = [
      { text: 'a', fresh: true },
      { text: 'b', fresh: true },
    ];
    const result = await play(new Speaker(forgetful, 'x', 'y'), new Script(first as Observation, second as Observation));
    expect(contextsOf(result?.trajectory)).toHaveLength(2);
    const model = new Speaker(forgetful, 'x', 'y');
    await expect(play(model, new Script(first as Observation, { text: 'b' }))).rejects.toMatchObject({ code: 'ASTARPO_CHAT_TEMPLATE' });
    expect([model.calls, model.live]).toEqual([1, 0]);
  });
});

describe('episodes of several contexts', () => {
  const env = new ToyEnv({ fresh: true });
  const jobs = Array.from({ length: 20 }, (_, i) => ({ task: env.tasks('train').at(i), sample: 0, seed: BigInt(i) }));
  const options: RolloutOptions = { sampling: { maxTokens: 8 } };

  it('do not depend on how many run at once', async () => {
    const model = new FakeModel();
    const one = await rollout(model, env, jobs, { ...options, concurrency: 1 });
    const many = await rollout(model, env, jobs, { ...options, concurrency: 16 });
    expect(many).toEqual(one);
    expect([model.most, model.live, env.opened - env.closed]).toEqual([16, 0, 0]);
    // Turns have seeds of their own across contexts, the same as in one that grows.
    const said = ({ contexts }: Trajectory) =>
      contexts.flatMap(({ turns }) => turns.filter(({ role }) => role === 'agent')).map((turn) => turn.text);
    const grown = await rollout(model, new ToyEnv(), jobs, options);
    expect(one.map(({ trajectory }) => trajectory && said(trajectory))).toEqual(
      grown.map(({ trajectory }) => trajectory && said(trajectory)),
    );
  });

  it('end with an abort or a fault in any context', async () => {
    const model = new FakeModel();
    const abort = new AbortController();
    env.meddle = (_, turn) => {
      if (turn === 1) abort.abort();
      return undefined;
    };
    await expect(rollout(model, env, jobs, { ...options, signal: abort.signal })).rejects.toMatchObject({ code: 'ASTARPO_ABORTED' });
    env.meddle = (_, turn) => (turn === 1 ? { reward: Number.NaN, done: true } : undefined);
    const [result] = await rollout(model, env, jobs.slice(0, 1), options);
    expect(result?.faults.map(({ error }) => error.code)).toEqual(['ASTARPO_REWARD', 'ASTARPO_REWARD']);
    env.meddle = undefined;
    expect([model.live, env.opened - env.closed]).toEqual([0, 0]);
  });

  it('go into a file and come back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'astarpo-contexts-'));
    try {
      const results = await rollout(new FakeModel(), env, jobs.slice(0, 3), options);
      const trajectories = results.flatMap(({ trajectory }) => trajectory ?? []);
      await saveTrajectories(join(folder, 't.jsonl'), trajectories);
      const read: Trajectory[] = [];
      for await (const { trajectory } of readTrajectories(join(folder, 't.jsonl'))) read.push(trajectory);
      expect(read).toEqual(trajectories);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('have metrics of each context and of all together', async () => {
    const metrics = rolloutMetrics(await rollout(new FakeModel(), env, jobs, options));
    expect(metrics).toMatchObject({ 'contexts/mean': 2, 'turns/mean': 2, 'tokens/response_mean': 4 });
    const lengths = jobs.map(({ task }) => [`${task.wanted[0]}`.length, task.wanted.join(' then ').length]);
    const prompts = lengths.flat();
    expect(metrics['tokens/prompt_max']).toBe(Math.max(...prompts));
    expect(metrics['tokens/prompt_mean']).toBeCloseTo(prompts.reduce((sum, length) => sum + length) / prompts.length, 9);
    expect(metrics['tokens/context_max']).toBe(Math.max(...prompts) + 2);
    expect(metrics['tokens/episode_max']).toBe(Math.max(...lengths.map(([a = 0, b = 0]) => a + b + 4)));
  });
});
