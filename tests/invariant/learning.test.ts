import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import type { Objective } from '../../lib/objective/objective.ts';
import { astarPO, astarPOSft } from '../../lib/objective/presets.ts';
import { rollout } from '../../lib/rollout/rollout.ts';
import type { EvaluationResult, StepEvent } from '../../lib/train/events.ts';
import { AStarPOTrainer } from '../../lib/train/trainer.ts';
import { updatePolicy } from '../../lib/train/update.ts';
import { VStarCache } from '../../lib/vstar/cache.ts';
import { ToyEnv, toyPolicy } from '../fixtures/toy.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-learning-'));
});
afterAll(() => rm(folder, { recursive: true }));

const env = new ToyEnv();
const limits = { sampling: { maxTokens: 2 }, maxTurns: 3 };

async function learn(
  objective: Objective,
  env = new ToyEnv(),
): Promise<{ before: EvaluationResult; after: EvaluationResult; steps: StepEvent[] }> {
  await using policy = await toyPolicy();
  await using reference = await ReferenceModel.of(policy);
  await using vstar = await VStarCache.open(join(folder, 'vstar.jsonl'));
  const trainer = new AStarPOTrainer({
    ...{ policy, reference, vstar, objective, steps: 150, batchSize: 32, learningRate: 1e-2, rollout: limits, seed: 1n },
    train: { env, split: 'train' },
    evaluate: { env, split: 'test', sampling: limits.sampling },
  });
  const evaluations: EvaluationResult[] = [];
  const steps: StepEvent[] = [];
  for await (const event of trainer.run()) {
    if (event.type === 'eval') evaluations.push(event.result);
    if (event.type === 'step') steps.push(event);
  }
  const [before, after] = evaluations;
  if (before === undefined || after === undefined) throw new Error('expected two evaluations');
  return { before, after, steps };
}

/** A = V* − r. */
function flipped(objective: Objective): Objective {
  return {
    ...objective,
    prepare: (batch) =>
      objective.prepare({ items: batch.items.map((item) => ({ ...item, return: item.vstar ?? Number.NaN, vstar: item.return })) }),
  };
}

describe('learning', () => {
  it.each([
    ['astar-po', astarPO({ beta2: 0.02 })],
    ['astar-po-sft', astarPOSft()],
  ])('%s raises the return of tasks that were never trained on', async (_, objective) => {
    const { before, after, steps } = await learn(objective);
    expect(before.score).toBeLessThan(0.35);
    expect(after.score).toBeGreaterThan(0.8);
    expect(steps[0]?.metrics['logratio/absmax']).toBe(0);
    expect(steps[0]?.metrics['kl/ref']).toBe(0);
    for (const { metrics } of steps) expect(metrics.sampler_train_logprob_gap).toBeLessThan(1e-5);
  });

  it('over episodes of several contexts raises the score too', async () => {
    const { before, after, steps } = await learn(astarPO({ beta2: 0.02 }), new ToyEnv({ fresh: true }));
    expect(after.score).toBeGreaterThan(Math.max(0.8, before.score));
    expect(steps[0]?.metrics).toMatchObject({ 'contexts/mean': 2, 'logratio/absmax': 0, 'kl/ref': 0 });
    for (const { metrics } of steps) expect(metrics.sampler_train_logprob_gap).toBeLessThan(1e-5);
  });

  it('with the sign of the advantage flipped it unlearns', async () => {
    const { before, after } = await learn(flipped(astarPO({ beta2: 0.02 })));
    expect(after.score).toBeLessThan(before.score / 2);
  });
});

describe('an update', () => {
  it.each([
    ['astar-po', astarPO({ beta2: 0.02, entropyCoefficient: 0.01 })],
    ['astar-po-sft', astarPOSft()],
  ])('of %s does not depend on the cut into micro-batches', async (_, objective) => {
    const norms: number[] = [];
    const losses: number[] = [];
    for (const microBatchTokens of [1, 40, 100_000]) {
      await using policy = await toyPolicy();
      await using reference = await ReferenceModel.of(policy);
      const jobs = Array.from({ length: 12 }, (_, i) => ({ task: env.tasks('train').at(i), sample: 0, seed: BigInt(i) }));
      const trajectories = (await rollout(policy, env, jobs, limits)).flatMap(({ trajectory }) => trajectory ?? []);
      const vstar = new Map(jobs.map(({ task }, i) => [task.id, i / 12]));
      const update = () => updatePolicy({ policy, reference, objective, trajectories, vstar, microBatchTokens, optimizer: { lr: 1e-2 } });
      for (const { metrics, skipped } of [await update(), await update()]) {
        expect(skipped).toBeUndefined();
        norms.push(metrics['train/grad_norm'] as number);
        losses.push(metrics['train/loss'] as number);
      }
    }
    for (const values of [norms, losses]) {
      expect(values[0]).not.toBe(values[1]);
      for (const [i, value] of values.entries()) expect(Math.abs(value / (values[i % 2] as number) - 1)).toBeLessThan(1e-4);
    }
  });

  it('that is aborted leaves no gradient behind', async () => {
    const objective = astarPO();
    const run = async (interrupt: boolean) => {
      await using policy = await toyPolicy();
      await using reference = await ReferenceModel.of(policy);
      const jobs = Array.from({ length: 6 }, (_, i) => ({ task: env.tasks('train').at(i), sample: 0, seed: BigInt(i) }));
      const trajectories = (await rollout(policy, env, jobs, limits)).flatMap(({ trajectory }) => trajectory ?? []);
      const vstar = new Map(jobs.map(({ task }) => [task.id, 0.3]));
      const options = { policy, reference, trajectories, vstar, microBatchTokens: 30, optimizer: { lr: 1e-2 } };
      if (interrupt) {
        const abort = new AbortController();
        let passes = 0;
        const aborting: Objective = {
          ...objective,
          weights: (view, prepared) => {
            if (++passes === 2) abort.abort();
            return objective.weights(view, prepared);
          },
        };
        await expect(updatePolicy({ ...options, objective: aborting, signal: abort.signal })).rejects.toMatchObject({
          code: 'ASTARPO_ABORTED',
        });
        expect(passes).toBe(2);
      }
      await updatePolicy({ ...options, objective });
      return await policy.contentHash();
    };
    expect(await run(true)).toBe(await run(false));
  });

  it('that is not finite is skipped and changes nothing', async () => {
    await using policy = await toyPolicy();
    await using reference = await ReferenceModel.of(policy);
    const jobs = [{ task: env.tasks('train').at(0), sample: 0, seed: 1n }];
    const trajectories = (await rollout(policy, env, jobs, limits)).flatMap(({ trajectory }) => trajectory ?? []);
    const hash = await policy.contentHash();
    const options = { policy, reference, trajectories, vstar: new Map([['train-0', 0]]), microBatchTokens: 1000, optimizer: { lr: 1e-2 } };
    const broken: Objective = {
      ...astarPO(),
      weights: (view) => ({ logp: new Float64Array(view.logp.length), loss: Number.NaN, metrics: {} }),
    };
    const result = await updatePolicy({ ...options, objective: broken });
    expect(result).toMatchObject({ skipped: 'non_finite', metrics: { 'batch/skipped_nan': 1 } });
    expect(result.warnings[0]).toMatch(/not finite/);
    const skipped = await updatePolicy({ ...options, objective: astarPOSft() });
    expect(skipped).toMatchObject({ skipped: 'no_signal', metrics: { 'batch/no_signal': 1 } });
    expect(await policy.contentHash()).toBe(hash);
    expect((await updatePolicy({ ...options, objective: astarPO() })).skipped).toBeUndefined();
  });
});
