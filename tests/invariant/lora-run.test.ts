import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoraOptions } from '../../lib/model/lora/options.ts';
import type { Policy } from '../../lib/model/policy.ts';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import { rollout } from '../../lib/rollout/rollout.ts';
import type { Trajectory } from '../../lib/rollout/trajectory.ts';
import type { StepEvent, TrainEvent } from '../../lib/train/events.ts';
import { readManifest } from '../../lib/train/run-folder.ts';
import { supervisedFineTune } from '../../lib/train/sft.ts';
import { AStarPOTrainer } from '../../lib/train/trainer.ts';
import { VStarCache } from '../../lib/vstar/cache.ts';
import { ToyEnv, toyPolicy } from '../fixtures/toy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-lora-'));
});
afterEach(() => rm(folder, { recursive: true }));

const env = new ToyEnv();
const lora: LoraOptions = { rank: 4, alpha: 16, dropout: 0.1, seed: 3n };

async function adapted(options: LoraOptions = lora): Promise<Policy> {
  const policy = await toyPolicy();
  await policy.addLora(options);
  return policy;
}

interface Outcome {
  readonly events: TrainEvent[];
  readonly hash: string;
  readonly code: string | undefined;
}

/** What one process would do; `stop` aborts. */
async function run(name: string, stop: (event: TrainEvent) => boolean = () => false, options: LoraOptions = lora): Promise<Outcome> {
  await using policy = await adapted(options);
  await using reference = await ReferenceModel.of(policy);
  await using vstar = await VStarCache.open(join(folder, 'vstar.jsonl'), { seed: 9n });
  const trainer = new AStarPOTrainer({
    ...{ policy, reference, vstar, runFolder: join(folder, name), seed: 5n },
    ...{ train: { env, split: 'train', limit: 8 }, steps: 6, batchSize: 8, learningRate: 1e-2, checkpointEvery: 2 },
    ...{ vstarOptions: { samples: 2 }, rollout: { sampling: { maxTokens: 2 }, maxTurns: 3, concurrency: 8 }, microBatchTokens: 64 },
  });
  const abort = new AbortController();
  const events: TrainEvent[] = [];
  let code: string | undefined;
  try {
    for await (const event of trainer.run({ signal: abort.signal })) {
      events.push(event);
      if (stop(event)) abort.abort();
    }
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error);
  }
  return { events, code, hash: await policy.contentHash() };
}

const steps = ({ events }: Outcome) => events.filter((event): event is StepEvent => event.type === 'step');

describe('a run with LoRA', () => {
  it('that was interrupted equals one that was not, bit for bit, and keeps adapters alone', async () => {
    const whole = await run('whole');
    expect(whole.code).toBeUndefined();
    expect(steps(whole)).toHaveLength(6);
    expect(whole.events.some((event) => event.type === 'warning' && event.message.includes('dropout'))).toBe(true);
    const [first, last] = [steps(whole)[0], steps(whole).at(-1)];
    expect([first?.metrics['logratio/absmax'], first?.metrics['kl/ref']]).toEqual([0, 0]);
    expect(last?.metrics['logratio/absmax']).toBeGreaterThan(0);

    const broken = await run('broken', (event) => event.type === 'step' && event.step === 3);
    expect(broken.code).toBe('ASTARPO_ABORTED');
    const resumed = await run('broken');
    expect(resumed.events[0]).toMatchObject({ type: 'run.start', resumed: true });
    expect(resumed.code).toBeUndefined();
    expect(resumed.hash).toBe(whole.hash);

    const path = join(folder, 'broken');
    expect(existsSync(join(path, 'reference'))).toBe(false);
    const checkpoint = join(path, 'checkpoints', 'step-000006');
    expect((await readdir(checkpoint)).sort()).toEqual(['adapter', 'optimizer.safetensors', 'state.json']);
    await using policy = await adapted();
    const parameters = policy.lora?.parameters ?? 0;
    expect((await stat(join(checkpoint, 'adapter', 'adapter_model.safetensors'))).size).toBeLessThan(4 * parameters + 8192);
    expect((await stat(join(checkpoint, 'optimizer.safetensors'))).size).toBeLessThan(12 * parameters + 16_384);
    await policy.loadAdapter(join(checkpoint, 'adapter'));
    expect(await policy.contentHash()).toBe(resumed.hash);

    const manifest = await readManifest(path);
    await using plain = await toyPolicy();
    await using reference = await ReferenceModel.of(plain);
    expect(manifest?.start).toEqual({
      policy: reference.hash,
      reference: reference.hash,
      adapter: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(manifest?.config).toMatchObject({ model: { lora: { rank: 4, alpha: 16, dropout: 0.1 } } });
  });

  it('is not continued with another adapter', async () => {
    await run('run', (event) => event.type === 'step');
    expect((await run('run', undefined, { ...lora, rank: 2 })).code).toBe('ASTARPO_RUN_FOLDER');
    expect((await run('run', undefined, { ...lora, seed: 4n })).code).toBe('ASTARPO_RUN_FOLDER');
    expect((await run('run')).code).toBeUndefined();
  });
});

describe('imitation with LoRA', () => {
  it('learns the adapter alone, and goes on where it was stopped, bit for bit', async () => {
    const trajectories = await sample();
    const options = { steps: 6, batchSize: 4, learningRate: 1e-2, microBatchTokens: 64, seed: 2n };
    await using whole = await adapted();
    const base = await whole.native.baseHash();
    const { loss } = await supervisedFineTune(whole, trajectories, options);
    expect(await whole.native.baseHash()).toBe(base);

    const checkpoint = { folder: join(folder, 'unfinished'), every: 2 };
    const abort = new AbortController();
    await using first = await adapted();
    const stopped = supervisedFineTune(first, trajectories, {
      ...{ ...options, checkpoint, signal: abort.signal },
      onProgress: ({ step }) => step === 3 && abort.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'ASTARPO_ABORTED' });
    expect((await readdir(checkpoint.folder)).sort()).toEqual(['adapter', 'optimizer.safetensors', 'state.json']);
    await using other = await adapted({ ...lora, seed: 8n });
    await expect(supervisedFineTune(other, trajectories, { ...options, checkpoint })).rejects.toMatchObject({ code: 'ASTARPO_RUN_FOLDER' });
    await using second = await adapted();
    const resumed = await supervisedFineTune(second, trajectories, { ...options, checkpoint });
    expect(resumed).toMatchObject({ resumedFrom: 3, loss });
    expect(await second.contentHash()).toBe(await whole.contentHash());
  });
});

async function sample(): Promise<Trajectory[]> {
  await using policy = await toyPolicy();
  const tasks = env.tasks('train');
  const jobs = Array.from({ length: 8 }, (_, index) => ({ task: tasks.at(index), sample: 0, seed: BigInt(index) }));
  const results = await rollout(policy, env, jobs, { sampling: { maxTokens: 4 }, maxTurns: 2 });
  return results.flatMap(({ trajectory }) => trajectory ?? []);
}
