import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAStarPOError } from '../../lib/errors.ts';
import type { PackedBatch } from '../../lib/model/packed-batch.ts';
import type { Policy } from '../../lib/model/policy.ts';
import type { Trajectory } from '../../lib/rollout/trajectory.ts';
import { type SupervisedOptions, supervisedFineTune } from '../../lib/train/sft.ts';

/** Trajectory `index`: a prompt, then `length` agent tokens, all with the id `index`. */
function trajectory(index: number, length: number): Trajectory {
  const tokens = new Int32Array(1 + length).fill(index);
  const mask = Uint8Array.from(tokens, (_, at) => (at === 0 ? 0 : 1));
  return {
    ...{
      taskId: `task-${index}`,
      sample: 0,
      seed: 0n,
      temperature: 0.5,
      return: 1,
      rewards: {},
      success: true,
      finish: 'done',
      agentTurns: 1,
    },
    ...{ sampledTokens: length, validActions: 1, contexts: [{ tokens, mask, logps: new Float32Array(tokens.length), turns: [] }] },
  };
}

interface Step {
  ids: number[];
  gradients: number[];
  passes: number;
  lr: number;
}

/** Records what is asked of a policy; log-probs are −1 everywhere. */
class FakePolicy {
  readonly steps: Step[] = [];
  discarded = 0;
  loaded: string[] = [];
  #open: Step = { ids: [], gradients: [], passes: 0, lr: 0 };
  logp = -1;
  hash = 'weights';

  async forward(batch: PackedBatch): Promise<{ logp: Float32Array }> {
    expect([...batch.temperature].every((value) => value === 1)).toBe(true);
    for (let i = 0; i + 1 < batch.offsets.length; i++) this.#open.ids.push(batch.tokens[batch.offsets[i] ?? 0] ?? -1);
    this.#open.passes++;
    return { logp: new Float32Array(batch.mask.reduce((sum, bit) => sum + bit, 0)).fill(this.logp) };
  }
  async backward(_pass: unknown, { logp }: { logp: Float64Array }): Promise<void> {
    this.#open.gradients.push(...logp);
  }
  async step({ lr }: { lr: number }): Promise<{ gradNorm: number; skipped: boolean }> {
    this.steps.push({ ...this.#open, lr });
    this.#open = { ids: [], gradients: [], passes: 0, lr: 0 };
    return { gradNorm: 1, skipped: false };
  }
  async discardGradients(): Promise<void> {
    this.discarded++;
    this.#open = { ids: [], gradients: [], passes: 0, lr: 0 };
  }
  async save(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
  }
  async saveOptimizer(file: string): Promise<void> {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '');
  }
  async loadWeights(folder: string): Promise<void> {
    this.loaded.push(folder);
  }
  async loadOptimizer(): Promise<void> {}
  async contentHash(): Promise<string> {
    return this.hash;
  }
}

function run(fake: FakePolicy, trajectories: readonly Trajectory[], options: SupervisedOptions) {
  return supervisedFineTune(fake as unknown as Policy, trajectories, options);
}

const eight = Array.from({ length: 8 }, (_, index) => trajectory(index, 1 + index));

describe('supervisedFineTune', () => {
  it('averages over the agent tokens of a step, whatever the cut into passes', async () => {
    for (const microBatchTokens of [1, 10, 1000]) {
      const fake = new FakePolicy();
      const seen: number[] = [];
      const result = await run(fake, eight, { steps: 2, batchSize: 4, microBatchTokens, onProgress: ({ loss }) => seen.push(loss) });
      expect(seen.map((loss) => Math.round(loss * 1e12) / 1e12)).toEqual([1, 1]);
      expect(result.loss).toBeCloseTo(1, 12);
      for (const { ids, gradients } of fake.steps) {
        const tokens = ids.reduce((sum, id) => sum + id + 1, 0);
        expect(gradients).toHaveLength(tokens);
        for (const gradient of gradients) expect(gradient).toBe(-1 / tokens);
      }
      expect(fake.steps.map(({ passes }) => passes)).toEqual(
        microBatchTokens === 1 ? [4, 4] : microBatchTokens === 1000 ? [1, 1] : [expect.any(Number), expect.any(Number)],
      );
    }
  });

  it('imitates all contexts of an episode in one pass', async () => {
    const [first, second, third] = eight as [Trajectory, Trajectory, Trajectory];
    const several = { ...first, contexts: [...third.contexts, ...first.contexts] };
    const fake = new FakePolicy();
    await run(fake, [several, second], { steps: 1, batchSize: 2, microBatchTokens: 1 });
    const [step] = fake.steps;
    // Agent tokens: 3 and 1 of the two contexts, 2 of the other episode.
    expect(step?.gradients).toEqual(new Array(6).fill(-1 / 6));
    expect(step?.passes).toBe(2);
    expect([
      [2, 0, 1],
      [1, 2, 0],
    ]).toContainEqual(step?.ids);
  });

  it('visits every trajectory once per epoch, each epoch in another order', async () => {
    const fake = new FakePolicy();
    await run(fake, eight, { epochs: 3, batchSize: 4, seed: 7n });
    const ids = fake.steps.flatMap((step) => step.ids);
    const epochs = [ids.slice(0, 8), ids.slice(8, 16), ids.slice(16, 24)];
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(epochs.map(String)).size).toBe(3);
  });

  it('rises and falls with the cosine', async () => {
    const fake = new FakePolicy();
    await run(fake, eight, { steps: 40, batchSize: 2, learningRate: 1 });
    const rates = fake.steps.map(({ lr }) => lr);
    expect(rates[0]).toBe(0.5);
    expect(Math.max(...rates)).toBe(1);
    expect(rates.at(-1)).toBeLessThan(0.01);
  });

  it('continues where a checkpoint was kept, with the same batches', async () => {
    const folder = join(await mkdtemp(join(tmpdir(), 'astarpo-sft-')), 'state');
    const options = { steps: 6, batchSize: 3, seed: 3n };
    const whole = new FakePolicy();
    await run(whole, eight, options);

    const controller = new AbortController();
    const first = new FakePolicy();
    const stopped = run(first, eight, {
      ...options,
      signal: controller.signal,
      checkpoint: { folder, every: 100 },
      onProgress: ({ step }) => step === 4 && controller.abort(),
    });
    await expect(stopped).rejects.toSatisfy((error) => isAStarPOError(error, 'ASTARPO_ABORTED'));
    expect(first.discarded).toBe(1);
    expect(JSON.parse(await readFile(join(folder, 'state.json'), 'utf8'))).toMatchObject({ step: 4 });

    const second = new FakePolicy();
    const result = await run(second, eight, { ...options, checkpoint: { folder, every: 100 } });
    expect(result.resumedFrom).toBe(4);
    expect(second.loaded).toEqual([join(folder, 'model')]);
    expect([...first.steps, ...second.steps]).toEqual(whole.steps);
  });

  it('does not continue the state of other weights, trajectories or options', async () => {
    const folder = join(await mkdtemp(join(tmpdir(), 'astarpo-sft-')), 'state');
    const options = { steps: 2, batchSize: 3, checkpoint: { folder, every: 1 } };
    await run(new FakePolicy(), eight, options);
    const refused = (what: RegExp) => (error: unknown) => isAStarPOError(error, 'ASTARPO_RUN_FOLDER') && what.test(error.message);
    await expect(run(new FakePolicy(), eight, { ...options, steps: 3 })).rejects.toSatisfy(refused(/steps is 2 there, 3 here/));
    await expect(run(new FakePolicy(), eight, { ...options, seed: 2n })).rejects.toSatisfy(refused(/seed/));
    await expect(run(new FakePolicy(), eight.slice(1), options)).rejects.toSatisfy(refused(/trajectories/));
    const other = new FakePolicy();
    other.hash = 'other weights';
    await expect(run(other, eight, options)).rejects.toSatisfy(refused(/weights/));
    expect(other.loaded).toEqual([]);
    expect((await run(new FakePolicy(), eight, options)).resumedFrom).toBe(2);
  });

  it('refuses what cannot be learned from and what is not finite', async () => {
    await expect(run(new FakePolicy(), [trajectory(1, 0)], {})).rejects.toSatisfy((error) => isAStarPOError(error, 'ASTARPO_NO_SIGNAL'));
    const broken = new FakePolicy();
    broken.logp = Number.NaN;
    await expect(run(broken, eight, { steps: 1 })).rejects.toSatisfy((error) => isAStarPOError(error, 'ASTARPO_NON_FINITE'));
  });
});
