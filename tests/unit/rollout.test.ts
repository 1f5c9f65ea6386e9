import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Environment, Observation } from '../../lib/env/environment.ts';
import { playEpisode } from '../../lib/rollout/episode.ts';
import { checkRejected, type RolloutJob, type RolloutOptions, rollout, rolloutStream } from '../../lib/rollout/rollout.ts';
import { playAgent, runAgent } from '../../lib/rollout/scripted.ts';
import type { Trajectory } from '../../lib/rollout/trajectory.ts';
import { byteChat, FakeModel, ToyEnv, type ToyTask } from '../fixtures/toy.ts';

const options: RolloutOptions = { sampling: { maxTokens: 8 } };
const env = new ToyEnv();
afterEach(() => {
  env.meddle = undefined;
});

const jobs = (count: number): RolloutJob<ToyTask>[] =>
  Array.from({ length: count }, (_, i) => ({ task: env.tasks('train').at(i), sample: 0, seed: BigInt(i) }));
const rules = (trajectory: Trajectory | undefined) => {
  if (trajectory === undefined) throw new Error('expected a trajectory');
  for (const { tokens, mask, logps, turns } of trajectory.contexts) {
    expect([mask.length, logps.length]).toEqual([tokens.length, tokens.length]);
    expect(turns.map(({ start }) => start)).toEqual([0, ...turns.slice(0, -1).map(({ end }) => end)]);
    expect(turns.at(-1)?.end).toBe(tokens.length);
    for (const turn of turns) {
      const bits = new Set(mask.subarray(turn.start, turn.end));
      expect([...bits]).toEqual([turn.role === 'agent' ? 1 : 0]);
    }
    for (const [t, logp] of logps.entries()) expect(logp === 0).toBe(mask[t] === 0);
  }
  expect(trajectory.sampledTokens).toBe(trajectory.contexts.flatMap(({ mask }) => [...mask]).filter((bit) => bit === 1).length);
  return trajectory;
};

describe('episodes', () => {
  it('grow one sequence, with the mask on what was sampled alone', async () => {
    const model = new FakeModel();
    model.speak = (_, tokens) => (tokens.length < 6 ? 'b' : 'c');
    const [result] = await rollout(model, env, jobs(1), { ...options, system: '#' });
    const trajectory = rules(result?.trajectory);
    const context = trajectory.contexts[0];
    // '#even' 'b'<stop> 'even' 'c'<stop>
    expect(Buffer.from([...(context?.tokens ?? [])].map((id) => (id === 256 ? 36 : id))).toString()).toBe('#evenb$evenc$');
    expect([...(context?.mask ?? [])].join('')).toBe('0000011000011');
    expect(trajectory).toMatchObject({ taskId: 'train-0', finish: 'done', return: 0.5, success: false, agentTurns: 2, validActions: 2 });
    expect(context?.turns[1]).toMatchObject({ role: 'agent', text: 'b', reward: 0.5, valid: true, weightsVersion: 3, view: 'fake' });
  });

  it('keep what the environment tells of each turn, and of nothing else', async () => {
    let turns = 0;
    env.meddle = () =>
      turns++ === 0
        ? { reward: 0.25, rewards: { score: 0, penalty: -0.1 }, info: { pages: 1 }, valid: false, done: false, observation: { text: 'on' } }
        : { reward: 1, done: true };
    const [result] = await rollout(new FakeModel(), env, jobs(1), options);
    const [first, second] = rules(result?.trajectory).contexts.flatMap((context) => context.turns.filter(({ role }) => role === 'agent'));
    expect(first).toMatchObject({ reward: 0.25, rewards: { score: 0, penalty: -0.1 }, info: { pages: 1 }, valid: false });
    expect(second).toMatchObject({ reward: 1, valid: true });
    expect([second?.rewards, second?.info]).toEqual([undefined, undefined]);
    expect(result?.trajectory?.rewards).toEqual({ score: 0, penalty: -0.1 });
  });

  it('do not depend on arrival order or on how many run at once', async () => {
    const model = new FakeModel();
    const one = await rollout(model, env, jobs(20), { ...options, concurrency: 1 });
    expect(model.most).toBe(1);
    const many = await rollout(model, env, jobs(20), { ...options, concurrency: 16 });
    expect(model.most).toBe(16);
    expect(many).toEqual(one);
    expect(many.map(({ index }) => index)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(new Set(one.map(({ trajectory }) => trajectory?.contexts[0]?.turns[1]?.text)).size).toBeGreaterThan(5);
    expect([model.live, env.opened - env.closed]).toEqual([0, 0]);
  });

  it('end at the limits of turns and tokens', async () => {
    const model = new FakeModel();
    const play = async (changes: Partial<RolloutOptions>) =>
      rules((await rollout(model, env, jobs(1), { ...options, ...changes }))[0]?.trajectory);
    expect(await play({ maxTurns: 1 })).toMatchObject({ finish: 'max_turns', agentTurns: 1, success: false });
    model.speak = () => 'bbbbbb';
    expect(await play({ sampling: { maxTokens: 3 }, turnTokenLimit: 'end' })).toMatchObject({ finish: 'turn_token_limit', agentTurns: 1 });
    const cut = await play({ sampling: { maxTokens: 3 } });
    expect(cut).toMatchObject({ finish: 'done', agentTurns: 2, return: 1 });
    // The stop token that was not sampled is supplied with mask 0; none is invented at the end.
    expect([...(cut.contexts[0]?.mask ?? [])].join('')).toBe('000011100000111');
    expect(cut.contexts[0]?.tokens[7]).toBe(256);
    // Half a turn is no action.
    expect(await play({ maxContext: 6 })).toMatchObject({ finish: 'max_context', agentTurns: 0, return: 0, sampledTokens: 2 });
    // The next observation has no room: what was paid stays.
    expect(await play({ maxContext: 13 })).toMatchObject({ finish: 'max_context', agentTurns: 1, return: 0.5 });
  });

  it('a first prompt without room is rejected, not retried', async () => {
    const [result] = await rollout(new FakeModel(), env, jobs(1), { ...options, maxContext: 4, retries: 5 });
    expect(result?.trajectory).toBeUndefined();
    expect(result?.faults.map(({ finish, error }) => [finish, error.code])).toEqual([['model_error', 'ASTARPO_CONTEXT']]);
  });
});

describe('faults of the environment', () => {
  const reject = (value: unknown) => () => value as never;
  it.each<[string, ToyEnv['meddle'], string]>([
    ['throws', () => Promise.reject(new Error('the shop burns')), 'ASTARPO_ENVIRONMENT'],
    ['hangs', () => new Promise(() => undefined), 'ASTARPO_TIMEOUT'],
    ['pays NaN', () => ({ reward: Number.NaN, done: true }), 'ASTARPO_REWARD'],
    ['pays infinity in a part', () => ({ reward: 1, rewards: { x: Number.POSITIVE_INFINITY }, done: true }), 'ASTARPO_REWARD'],
    ['pays text', reject({ reward: '1', done: true }), 'ASTARPO_REWARD'],
    ['answers nothing', reject(null), 'ASTARPO_ENVIRONMENT'],
    ['says nothing more', () => ({ reward: 0, done: false }), 'ASTARPO_ENVIRONMENT'],
  ])('%s: rejected, counted, and the run goes on', async (_, meddle, code) => {
    const model = new FakeModel();
    env.meddle = (task, ...rest) => (task.id === 'train-1' ? meddle?.(task, ...rest) : undefined);
    const before = env.opened;
    const results = await rollout(model, env, jobs(3), { ...options, stepTimeoutMs: 50, retries: 2 });
    expect(results.map(({ trajectory }) => trajectory !== undefined)).toEqual([true, false, true]);
    expect(results[1]?.faults.map(({ error, finish }) => [error.code, finish])).toEqual(
      Array.from({ length: 3 }, () => [code, 'env_error']),
    );
    expect(env.opened - before).toBe(5);
    expect([model.live, env.opened - env.closed]).toEqual([0, 0]);
    expect(() => checkRejected(results, 'step 1')).not.toThrow();
    expect(() => checkRejected(results.slice(1, 2), 'step 1')).toThrow(expect.objectContaining({ code: 'ASTARPO_REJECTED' }));
  });

  it('a passing fault is survived on a fresh episode with the same seeds', async () => {
    const calm = await rollout(new FakeModel(), env, jobs(1), options);
    const seeds: bigint[] = [];
    env.meddle = (_, turn, seed) => {
      seeds.push(seed);
      if (turn === 1 && seeds.length === 2) throw new Error('once');
      return undefined;
    };
    const [result] = await rollout(new FakeModel(), env, jobs(1), options);
    expect(result?.trajectory).toEqual(calm[0]?.trajectory);
    expect(result?.faults).toHaveLength(1);
    expect(new Set(seeds).size).toBe(1);
  });

  it('an episode that opens too late, or says nothing first, is closed', async () => {
    let closed = 0;
    const opening = (first: unknown, ms: number): Environment<ToyTask> => ({
      ...{ id: 'late', version: '1', config: {}, tasks: (split) => env.tasks(split) },
      open: async () => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return { first: first as Observation, step: () => ({ reward: 0, done: true }), close: () => void closed++ };
      },
    });
    const play = async (slow: Environment<ToyTask>) =>
      (await rollout(new FakeModel(), slow, jobs(1), { ...options, stepTimeoutMs: 10, retries: 0 }))[0];
    expect((await play(opening({ text: 'a' }, 30)))?.fault?.error.code).toBe('ASTARPO_TIMEOUT');
    await vi.waitFor(() => expect(closed).toBe(1));
    expect((await play(opening({}, 0)))?.fault?.error.code).toBe('ASTARPO_ENVIRONMENT');
    expect(closed).toBe(2);
  });

  it('an episode that takes too long is a fault', async () => {
    const model = new FakeModel();
    model.speak = async () => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return 'b';
    };
    const [result] = await rollout(model, env, jobs(1), { ...options, episodeTimeoutMs: 30, retries: 0 });
    expect(result?.fault).toMatchObject({ finish: 'env_error', error: { code: 'ASTARPO_TIMEOUT' } });
    expect(model.live).toBe(0);
  });
});

describe('stopping', () => {
  it('an abort ends every episode and releases everything', async () => {
    const model = new FakeModel();
    const abort = new AbortController();
    env.meddle = () => {
      abort.abort();
      return undefined;
    };
    await expect(rollout(model, env, jobs(10), { ...options, signal: abort.signal })).rejects.toMatchObject({ code: 'ASTARPO_ABORTED' });
    expect([model.live, env.opened - env.closed]).toEqual([0, 0]);
    await expect(playEpisode(model, env, jobs(1)[0] as RolloutJob<ToyTask>, options, abort.signal)).rejects.toMatchObject({
      code: 'ASTARPO_ABORTED',
    });
  });

  it('a consumer that stops leaves nothing behind', async () => {
    const model = new FakeModel();
    for await (const { index } of rolloutStream(model, env, jobs(30), { ...options, concurrency: 4 })) if (index >= 0) break;
    expect([model.live, env.opened - env.closed]).toEqual([0, 0]);
  });

  it('an error of the model is thrown once all episodes are over', async () => {
    const model = new FakeModel();
    model.speak = () => {
      throw new Error('out of order');
    };
    await expect(rollout(model, env, jobs(5), options)).rejects.toThrow('out of order');
    expect([model.live, env.opened - env.closed]).toEqual([0, 0]);
  });

  it('refuses options that make no sense', async () => {
    for (const wrong of [
      { maxTurns: 0 },
      { concurrency: 0 },
      { retries: -1 },
      { sampling: { maxTokens: 0 } },
      { sampling: { maxTokens: 1, temperature: 0 } },
      { stepTimeoutMs: 0 },
      { stepTimeoutMs: Number.NaN },
      { episodeTimeoutMs: 2 ** 31 },
    ]) {
      await expect(rollout(new FakeModel(), env, jobs(1), { ...options, ...wrong })).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
    }
  });
});

describe('scripted agents', () => {
  const task = env.tasks('train').at(1);
  const agent = () => ({ act: ({ text }: { text: string }) => (text === 'even' ? 'b' : 'c') });

  it('play trajectories with the tokens that a model would have to sample', async () => {
    const trajectory = await playAgent(env, task, agent(), byteChat, { seed: 4n });
    const [context] = trajectory.contexts;
    expect([...(context?.mask ?? [])].join('')).toBe('00011000011');
    expect(byteChat.text(context?.tokens.subarray(3, 5) ?? [])).toBe('c');
    expect(trajectory).toMatchObject({ success: true, return: 1, finish: 'done', sampledTokens: 4, agentTurns: 2, validActions: 2 });
    expect([...(context?.logps ?? [])].every((logp) => logp === 0)).toBe(true);
  });

  it('stop at limits and pass faults on', async () => {
    expect(await playAgent(env, task, agent(), byteChat, { maxTurns: 1 })).toMatchObject({ finish: 'max_turns', agentTurns: 1 });
    // 'odd' 'c'<stop> 'even' 'b'<stop>: neither half an observation nor one that nobody answers is kept.
    for (const [maxContext, length] of [
      [6, 5],
      [9, 5],
      [10, 9],
      [11, 11],
    ] as const) {
      const trajectory = await playAgent(env, task, agent(), byteChat, { maxContext });
      expect(trajectory.contexts[0]?.tokens).toHaveLength(length);
      expect(trajectory.finish).toBe(maxContext < 11 ? 'max_context' : 'done');
    }
    await expect(playAgent(env, task, agent(), byteChat, { maxContext: 3 })).rejects.toMatchObject({ code: 'ASTARPO_CONTEXT' });
    expect(await runAgent(env, task, agent())).toMatchObject({ finish: 'done', tally: { success: true } });
    env.meddle = () => new Promise(() => undefined);
    await expect(runAgent(env, task, agent(), { stepTimeoutMs: 20 })).rejects.toMatchObject({ code: 'ASTARPO_TIMEOUT' });
    expect(env.opened - env.closed).toBe(0);
  });
});
