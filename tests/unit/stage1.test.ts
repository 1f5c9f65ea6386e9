import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VStarCache } from '../../lib/vstar/cache.ts';
import { keyOf, type Stage1Options, type Stage1Progress, type Stage1Result, stage1 } from '../../lib/vstar/stage1.ts';
import { FakeModel, ToyEnv, type ToyTask } from '../fixtures/toy.ts';

let folder: string;
let vstar: VStarCache;
let env: ToyEnv;
let reference: FakeModel;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-stage1-'));
  vstar = await VStarCache.open(join(folder, 'vstar.jsonl'), { seed: 3n });
  env = new ToyEnv();
  reference = new FakeModel();
});
afterEach(async () => {
  await vstar.close();
  await rm(folder, { recursive: true });
});

async function run(
  changes: Partial<Stage1Options<ToyTask>> = {},
  samples = 4,
  count = 6,
): Promise<{ result: Stage1Result<ToyTask>; progress: Stage1Progress[] }> {
  const tasks = Array.from({ length: count }, (_, i) => ({ task: env.tasks('train').at(i), samples }));
  const rollout = { sampling: { maxTokens: 4 } };
  const sampling = stage1({ reference, env, tasks, rollout, vstar, filter: 'none', beta: 0.5, mode: 'soft', ...changes });
  const progress: Stage1Progress[] = [];
  for (;;) {
    const next = await sampling.next();
    if (next.done === true) return { result: next.value, progress };
    progress.push(next.value);
  }
}

const key = (index: number) => keyOf(env.tasks('train').at(index), env, reference, { sampling: { maxTokens: 4 } });

describe('stage 1', () => {
  it('samples what is missing and nothing else', async () => {
    const first = await run();
    expect(first.result).toMatchObject({ sampled: 24, rejected: 0 });
    expect(first.progress.at(0)).toMatchObject({ done: 0, total: 24, cached: 0 });
    expect(first.progress.at(-1)).toMatchObject({ done: 24, total: 24 });
    const calls = reference.calls;
    expect((await run()).result.sampled).toBe(0);
    expect(reference.calls).toBe(calls);
    expect((await run({}, 6)).result.sampled).toBe(12);
    expect(vstar.counters).toMatchObject({ misses: 6, hits: 6, topUps: 6 });
  });

  it('stores the raw score beside the return, where there is one', async () => {
    env.meddle = ({ id }) => ({ reward: 2, done: true, success: true, ...(id === 'train-0' ? { rewards: { score: 0.5 } } : {}) });
    await run({}, 1, 2);
    expect(vstar.get(key(0))).toMatchObject([{ return: 2, score: 0.5 }]);
    expect(vstar.get(key(1))[0]).not.toHaveProperty('score');
    await using again = await VStarCache.open(join(folder, 'vstar.jsonl'), { readOnly: true });
    expect(again.get(key(0))).toEqual(vstar.get(key(0)));
  });

  it('draws the same sample whenever it is drawn', async () => {
    await run();
    const all = vstar.get(key(2));
    expect(all.map(({ seed }) => seed)).toEqual([0, 1, 2, 3].map((index) => vstar.sampleSeed(key(2), index)));
    await using other = await VStarCache.open(join(folder, 'other.jsonl'), { seed: 3n });
    await run({ vstar: other }, 2);
    await run({ vstar: other, rollout: { sampling: { maxTokens: 4 }, concurrency: 1 } }, 4);
    const timeless = (samples: typeof all) => samples.map((sample) => ({ ...sample, time: '' }));
    expect(timeless(other.get(key(2)))).toEqual(timeless(all));
  });

  it('the key follows everything that changes the returns, and not the estimator', () => {
    const task = env.tasks('train').at(0);
    const base = { sampling: { maxTokens: 4 } };
    const keys = [
      keyOf(task, env, reference, base),
      keyOf(env.tasks('train').at(1), env, reference, base),
      keyOf(task, env, reference, { sampling: { maxTokens: 5 } }),
      keyOf(task, env, reference, { sampling: { maxTokens: 4, temperature: 0.7 } }),
      keyOf(task, env, reference, { ...base, maxTurns: 3 }),
      keyOf(task, env, reference, { ...base, system: 'be brief' }),
      keyOf(task, env, reference, { ...base, turnTokenLimit: 'end' }),
      keyOf(task, Object.assign(new ToyEnv(), { version: '2' }), reference, base),
      keyOf(task, env, Object.assign(new FakeModel(), { hash: 'other' }), base),
      keyOf(task, env, Object.assign(new FakeModel(), { tokenizer: { hash: 'other' } }), base),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keyOf(task, env, reference, { sampling: { temperature: 1, maxTokens: 4, topP: 1 }, maxTurns: 15 })).toBe(keys[0]);
  });

  it('stores each sample as soon as it is finished', async () => {
    const abort = new AbortController();
    const sampling = run({ signal: abort.signal, rollout: { sampling: { maxTokens: 4 }, concurrency: 2 } });
    env.meddle = () => {
      if (vstar.size >= 5) abort.abort();
      return undefined;
    };
    await expect(sampling).rejects.toMatchObject({ code: 'ASTARPO_ABORTED' });
    const kept = vstar.size;
    expect(kept).toBeGreaterThanOrEqual(5);
    expect(kept).toBeLessThan(24);
    env.meddle = undefined;
    const { result, progress } = await run();
    expect(result.sampled).toBe(24 - kept);
    expect(progress[0]).toMatchObject({ done: kept, cached: kept });
  });

  it('never stores a rejected sample and leaves its task out', async () => {
    env.meddle = (task) => (task.id === 'train-3' ? { reward: Number.NaN, done: true } : undefined);
    const { result } = await run();
    expect(result).toMatchObject({ sampled: 20, rejected: 4, dropped: { missing: 1 } });
    expect(result.faults[0]).toMatch(/ASTARPO_REWARD × 8/);
    expect(vstar.get(key(3))).toEqual([]);
    expect(result.kept.map(({ id }) => id)).not.toContain('train-3');
    env.meddle = () => ({ reward: Number.NaN, done: true });
    await expect(run({}, 8)).rejects.toMatchObject({ code: 'ASTARPO_REJECTED' });
  });

  it('filters tasks without a success or without differences', async () => {
    // Tasks 0 and 4 want even twice; 'b' is even.
    reference.speak = () => 'b';
    const kept = async (filter: 'none' | 'all-fail' | 'all-equal') => (await run({ filter })).result.kept.map(({ id }) => id);
    expect(await kept('none')).toHaveLength(6);
    expect(await kept('all-fail')).toEqual(['train-0', 'train-4']);
    await expect(kept('all-equal')).rejects.toMatchObject({ code: 'ASTARPO_NO_SIGNAL' });
  });

  it('stops with a diagnosis when every sample of every task fails', async () => {
    reference.speak = () => '\u0000';
    await expect(run()).rejects.toMatchObject({ code: 'ASTARPO_NO_SIGNAL', hint: expect.stringMatching(/more samples/) });
    expect(vstar.size).toBe(24);
    const { result } = await run({ whenAllFail: 'continue' });
    expect(result).toMatchObject({ sampled: 0, dropped: { 'all-fail': 0 } });
    expect([...result.vstar.values()]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(result.advice[0]).toMatch(/^all 24 reference episodes of 6 tasks failed with the return 0: /);
  });
});
