import { describe, expect, it } from 'vitest';
import { packBatch } from '../../lib/model/packed-batch.ts';
import type { Policy } from '../../lib/model/policy.ts';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import type { BatchItem, Objective } from '../../lib/objective/objective.ts';
import { astarPO } from '../../lib/objective/presets.ts';
import { rollout } from '../../lib/rollout/rollout.ts';
import type { Trajectory } from '../../lib/rollout/trajectory.ts';
import { updatePolicy } from '../../lib/train/update.ts';
import { ToyEnv, toyPolicy } from '../fixtures/toy.ts';
import { largestDifference } from './golden.ts';

/** Episodes of two contexts each. */
async function sample(policy: Policy, concurrency = 4): Promise<Trajectory[]> {
  const env = new ToyEnv({ fresh: true });
  const jobs = Array.from({ length: 6 }, (_, i) => ({ task: env.tasks('train').at(i), sample: 0, seed: BigInt(i) }));
  const results = await rollout(policy, env, jobs, { sampling: { maxTokens: 3, temperature: 0.8 }, concurrency });
  return results.flatMap(({ trajectory }) => trajectory ?? []);
}

/** Log-probs of the sampled tokens, all contexts in order. */
const sampledOf = ({ contexts }: Trajectory) => contexts.flatMap(({ mask, logps }) => Array.from(logps).filter((_, i) => mask[i] === 1));
const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

describe('trajectories of several contexts', () => {
  it('are scored as they were sampled, context by context and together', async () => {
    await using policy = await toyPolicy();
    const trajectories = await sample(policy);
    expect(trajectories.map(({ contexts }) => contexts.length)).toEqual([2, 2, 2, 2, 2, 2]);
    expect(await sample(policy, 1)).toEqual(trajectories);
    for (const trajectory of trajectories) {
      const together = await policy.score(packBatch(trajectory.contexts, 0.8));
      expect(largestDifference(together, sampledOf(trajectory))).toBeLessThan(1e-5);
      const alone: number[] = [];
      for (const context of trajectory.contexts) alone.push(...(await policy.score(packBatch([context], 0.8))));
      expect(Float32Array.from(alone)).toEqual(together);
    }
  });

  it('have the log-prob and the gradient of all their contexts', async () => {
    await using policy = await toyPolicy();
    const { addon, handle } = policy.native;
    const [trajectory] = await sample(policy);
    if (trajectory === undefined) throw new Error('expected a trajectory');
    const gradient = async () => {
      const tensors = policy.native.trainableTensors().map(({ name }) => addon.readTensor(handle, 'gradient', name));
      return (await Promise.all(tensors)).flatMap((values) => [...values]);
    };
    const backward = async (contexts: Trajectory['contexts']) => {
      const pass = await policy.forward(packBatch(contexts, 0.8));
      await policy.backward(pass, { logp: new Float64Array(pass.logp.length).fill(-0.5) });
    };
    await backward(trajectory.contexts);
    const together = await gradient();
    await policy.discardGradients();
    for (const context of trajectory.contexts) await backward([context]);
    expect(largestDifference(together, await gradient())).toBeLessThan(1e-5);
    expect(Math.max(...together.map(Math.abs))).toBeGreaterThan(1e-3);
    await policy.discardGradients();
  });

  it('take part in a step as a whole, however it is cut', async () => {
    const hashes: number[][] = [];
    for (const microBatchTokens of [1, 100_000]) {
      await using policy = await toyPolicy();
      await using reference = await ReferenceModel.of(policy);
      const trajectories = await sample(policy);
      const inner = astarPO();
      let items: readonly BatchItem[] = [];
      let passes = 0;
      const objective: Objective = {
        ...inner,
        prepare: (batch) => {
          ({ items } = batch);
          return inner.prepare(batch);
        },
        weights: (view, prepared) => {
          passes++;
          return inner.weights(view, prepared);
        },
      };
      const vstar = new Map(trajectories.map(({ taskId }, i) => [taskId, i / 10]));
      const { metrics } = await updatePolicy({
        policy,
        reference,
        objective,
        trajectories,
        vstar,
        microBatchTokens,
        optimizer: { lr: 1e-2 },
      });
      expect(passes).toBe(microBatchTokens === 1 ? trajectories.length : 1);
      expect(items.map(({ rows }) => rows)).toEqual(trajectories.map(({ sampledTokens }) => sampledTokens));
      for (const [i, trajectory] of trajectories.entries()) {
        expect(items[i]?.sampledLogp).toBeCloseTo(sum(sampledOf(trajectory)), 5);
        expect(items[i]?.referenceLogp).toBeCloseTo(sum(sampledOf(trajectory)), 4);
      }
      expect(metrics['logratio/absmax']).toBe(0);
      expect(metrics.sampler_train_logprob_gap).toBeLessThan(1e-5);
      hashes.push([...(await policy.score(packBatch(trajectories.flatMap(({ contexts }) => contexts))))]);
    }
    expect(largestDifference(hashes[0] ?? [], hashes[1] ?? [])).toBeLessThan(1e-3);
  });
});
