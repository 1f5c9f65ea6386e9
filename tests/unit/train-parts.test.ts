import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rollout } from '../../lib/rollout/rollout.ts';
import { checkConcurrency } from '../../lib/rollout/rollout-options.ts';
import { rolloutMetrics } from '../../lib/train/batch-metrics.ts';
import { planMicroBatches } from '../../lib/train/batch-plan.ts';
import { evaluate, evaluateAgent } from '../../lib/train/evaluate.ts';
import { learningRateAt } from '../../lib/train/learning-rate.ts';
import { TaskSampler } from '../../lib/train/task-sampler.ts';
import type { Rng } from '../../lib/util/rng.ts';
import { FakeModel, ToyEnv } from '../fixtures/toy.ts';

describe('micro-batches', () => {
  it('cover the batch in order within the budget, a longer trajectory alone', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 40 }), fc.integer({ min: 1, max: 150 }), (tokens, budget) => {
        const plan = planMicroBatches(tokens, budget);
        expect(plan.flatMap(({ first, count }) => tokens.slice(first, first + count))).toEqual(tokens);
        for (const { first, count } of plan) {
          const size = tokens.slice(first, first + count).reduce((total, length) => total + length, 0);
          expect(count === 1 || size <= budget).toBe(true);
        }
      }),
    );
    expect(planMicroBatches([5, 5, 11, 4, 6], 10)).toEqual([
      { first: 0, count: 2 },
      { first: 2, count: 1 },
      { first: 3, count: 2 },
    ]);
  });
});

describe('learning rates', () => {
  const at = (schedule: 'constant' | 'cosine' | 'linear', warmupSteps: number) =>
    Array.from({ length: 6 }, (_, i) => learningRateAt(i + 1, { peak: 1, steps: 6, schedule, warmupSteps }));
  it('rise, stay, or fall', () => {
    expect(at('constant', 0)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(at('constant', 2)).toEqual([0.5, 1, 1, 1, 1, 1]);
    expect(at('linear', 2)).toEqual([0.5, 1, 1, 0.75, 0.5, 0.25]);
    const cosine = at('cosine', 0);
    expect(cosine[0]).toBe(1);
    expect(cosine[3]).toBeCloseTo(0.5, 12);
    expect(cosine[5]).toBeGreaterThan(0);
    expect([...cosine].sort((a, b) => b - a)).toEqual(cosine);
  });
});

describe('the task sampler', () => {
  it('visits every task once per epoch, each epoch in an order of its own', () => {
    const visits = new TaskSampler(10, 3n).visits(30);
    const epochs = [visits.slice(0, 10), visits.slice(10, 20), visits.slice(20)];
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(new Set(epochs.map((epoch) => epoch.join())).size).toBe(3);
  });

  it('depends on seed and position alone', () => {
    const sampler = new TaskSampler(10, 3n);
    expect(sampler.visit(27)).toBe(new TaskSampler(10, 3n).visits(28)[27]);
    expect(sampler.visit(4)).toBe(new TaskSampler(10, 3n).visit(4));
    expect(new TaskSampler(10, 4n).visits(10)).not.toEqual(sampler.visits(10));
  });

  it('stays within the tasks that a limit chose', () => {
    const visits = new TaskSampler(1000, 3n, 8).visits(80);
    expect(new Set(visits).size).toBe(8);
    expect(Math.max(...visits)).toBeGreaterThan(100);
  });
});

describe('evaluation', () => {
  const env = new ToyEnv();
  const options = { sampling: { maxTokens: 4 } };

  it('plays fixed tasks with fixed seeds and counts', async () => {
    const model = new FakeModel();
    model.speak = () => 'b';
    const result = await evaluate(model, env, env.tasks('test'), { episodes: 8, rollout: options });
    // Of tasks 0-7 those with index 0 and 4 want even twice.
    expect(result).toMatchObject({
      episodes: 8,
      successes: 2,
      success: 0.25,
      score: 0.5,
      turns: 2,
      tokens: 4,
      validRate: 1,
      finish: { done: 8 },
      truncationRate: 0,
    });
    expect(result.interval.lo).toBeCloseTo(0.0715, 3);
    const random = () => evaluate(new FakeModel(), env, env.tasks('test'), { samples: 2, seed: 5n, rollout: options });
    const [{ seconds: _a, ...one }, { seconds: _b, ...two }] = [await random(), await random()];
    expect(one).toEqual(two);
    expect(one.episodes).toBe(40);
    expect(one.passAtK?.[0]).toBeCloseTo(one.success, 12);
    expect(one.passAtK?.[1]).toBeGreaterThan(one.success);
  });

  it('counts truncated and faulty episodes as what they are: not successes', async () => {
    const faulty = new ToyEnv();
    faulty.meddle = ({ id }) => {
      if (id === 'test-0') throw new Error('broken');
      return undefined;
    };
    const model = new FakeModel();
    model.speak = () => 'b';
    const result = await evaluate(model, faulty, faulty.tasks('test'), { episodes: 8, rollout: { ...options, retries: 0 } });
    expect(result).toMatchObject({ episodes: 8, successes: 1, finish: { done: 7, env_error: 1 } });
    const cut = await evaluate(model, env, env.tasks('test'), { episodes: 4, rollout: { ...options, maxTurns: 1 } });
    expect(cut).toMatchObject({ successes: 0, finish: { max_turns: 4 }, truncationRate: 1 });
    await expect(evaluate(model, env, { length: 0, at: () => env.tasks('test').at(0) }, { rollout: options })).rejects.toMatchObject({
      code: 'ASTARPO_TASKS',
    });
  });

  it('says what was played and how it paid, with the mean of every reward part', async () => {
    const paying = new ToyEnv();
    Object.assign(paying, { config: { pays: 2 }, scoring: 'twice' });
    paying.meddle = ({ id }) => {
      if (id === 'test-2') throw new Error('broken');
      return { reward: 2, rewards: id === 'test-0' ? { score: 1, bonus: 1 } : { score: 1 }, done: true, success: true };
    };
    const ended: (string | undefined)[] = [];
    const result = await evaluate(new FakeModel(), paying, paying.tasks('test'), {
      ...{ episodes: 4, split: 'test', rollout: { ...options, retries: 0 } },
      onEpisode: ({ job, trajectory, fault }) => ended.push(`${job.task.id} ${trajectory?.finish ?? fault?.finish}`),
    });
    expect(result).toMatchObject({
      ...{ environment: { id: 'toy', version: '1', config: { pays: 2 }, scoring: 'twice' }, split: 'test' },
      // The broken episode paid nothing and counts.
      ...{ score: 1.5, rewards: { score: 0.75, bonus: 0.25 } },
    });
    expect(ended.sort()).toEqual(['test-0 done', 'test-1 done', 'test-2 env_error', 'test-3 done']);
    const usual = await evaluateAgent(() => ({ act: () => 'b' }), env, env.tasks('test'), { split: 'test' });
    expect(usual).toMatchObject({ environment: { id: 'toy', version: '1', config: {} }, split: 'test', rewards: {} });
    expect(usual.environment.scoring).toBeUndefined();
  });

  it('plays scripted agents on the same tasks', async () => {
    const agent = () => ({ act: ({ text }: { text: string }) => (text === 'even' ? 'b' : 'c') });
    expect(await evaluateAgent(agent, env, env.tasks('test'))).toMatchObject({ episodes: 20, success: 1, score: 1, turns: 2 });
    const broken = new ToyEnv();
    broken.meddle = () => ({ reward: Number.NaN, done: true });
    expect(await evaluateAgent(agent, broken, broken.tasks('test'), { episodes: 3 })).toMatchObject({
      successes: 0,
      finish: { env_error: 3 },
    });
  });

  it('plays several scripted episodes at once, with the same result', async () => {
    const slow = new ToyEnv();
    let live = 0;
    let most = 0;
    slow.meddle = async (task, turn) => {
      most = Math.max(most, ++live);
      // Later ones overtake earlier ones.
      await new Promise((resolve) => setTimeout(resolve, Number(task.id.slice(-1)) % 3));
      live--;
      return turn === 0 && task.id === 'test-7' ? { reward: 0.25, done: true } : undefined;
    };
    const agent = () => ({ act: (_: unknown, random: Rng) => (random.integer(2) === 0 ? 'b' : 'c') });
    const evaluateWith = async (concurrency: number) => {
      most = 0;
      const { seconds: _seconds, ...result } = await evaluateAgent(agent, slow, slow.tasks('test'), { concurrency, seed: 3n });
      expect(most).toBe(concurrency);
      return result;
    };
    expect(await evaluateWith(16)).toEqual(await evaluateWith(1));
    expect(() => checkConcurrency(0)).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));

    const warned: Error[] = [];
    const listen = (warning: Error) => warned.push(warning);
    process.on('warning', listen);
    const abort = new AbortController();
    const evaluation = evaluateAgent(agent, slow, slow.tasks('test'), { signal: abort.signal, concurrency: 20 });
    setTimeout(() => abort.abort(), 1);
    await expect(evaluation).rejects.toMatchObject({ code: 'ASTARPO_ABORTED' });
    const silly = () => ({
      act: () => {
        throw new TypeError('a mistake of the agent');
      },
    });
    await expect(evaluateAgent(silly, slow, slow.tasks('test'))).rejects.toThrow('a mistake of the agent');
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect([warned, slow.opened - slow.closed]).toEqual([[], 0]);
  });
});

describe('metrics of a batch', () => {
  it('describe what was sampled, rejected episodes included', async () => {
    const env = new ToyEnv();
    env.meddle = ({ id }) => (id === 'train-3' ? { reward: Number.NaN, done: true } : undefined);
    const model = new FakeModel();
    model.speak = () => 'b';
    const jobs = [0, 1, 2, 3].map((index) => ({ task: env.tasks('train').at(index), sample: 0, seed: 1n }));
    const metrics = rolloutMetrics(await rollout(model, env, jobs, { sampling: { maxTokens: 4 } }));
    expect(metrics).toMatchObject({
      ...{ 'reward/mean': 2 / 3, 'reward/min': 0.5, 'reward/max': 1, success_rate: 1 / 3, 'batch/rejected': 1 },
      ...{ 'finish/done': 0.75, 'finish/env_error': 0.25, 'finish/max_turns': 0, 'turns/mean': 2, 'actions/valid_rate': 1 },
      ...{ 'tokens/response_mean': 4, 'tokens/response_max': 4, 'tokens/clip_ratio': 0 },
      // 'even', 'odd', 'even'
      ...{ 'tokens/prompt_mean': 11 / 3, 'tokens/prompt_max': 4 },
    });
    const cut = rolloutMetrics(await rollout(model, env, jobs, { sampling: { maxTokens: 1 }, turnTokenLimit: 'end' }));
    expect(cut['tokens/clip_ratio']).toBe(1);
    expect(rolloutMetrics([])).toMatchObject({ 'batch/rejected': 0, 'finish/done': 0 });
  });
});
