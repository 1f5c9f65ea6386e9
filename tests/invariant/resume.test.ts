import { spawn } from 'node:child_process';
import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import { nativeAddon } from '../../lib/native/load.ts';
import { readTrajectories } from '../../lib/rollout/trajectory-file.ts';
import { isVolatileMetric } from '../../lib/train/batch-metrics.ts';
import { checkpointSteps } from '../../lib/train/checkpoint.ts';
import type { TrainEvent } from '../../lib/train/events.ts';
import { readEvaluations, readManifest } from '../../lib/train/run-folder.ts';
import { AStarPOTrainer } from '../../lib/train/trainer.ts';
import type { TrainerOptions } from '../../lib/train/trainer-options.ts';
import { VStarCache } from '../../lib/vstar/cache.ts';
import { ToyEnv, type ToyTask, toyPolicy } from '../fixtures/toy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'astarpo-resume-'));
});
afterEach(() => rm(folder, { recursive: true }));

const env = new ToyEnv();
const settings = {
  ...{ train: { env, split: 'train', limit: 12 }, steps: 12, batchSize: 8, learningRate: 1e-2, lrSchedule: 'cosine', seed: 5n },
  ...{ checkpointEvery: 5, vstarOptions: { samples: 4 }, rollout: { sampling: { maxTokens: 2 }, maxTurns: 3, concurrency: 8 } },
  evaluate: { env, split: 'test', episodes: 10, every: 4, sampling: { maxTokens: 2 } },
} as const satisfies Partial<TrainerOptions<ToyTask>>;

interface Outcome {
  readonly events: TrainEvent[];
  readonly hash: string;
  readonly code: string | undefined;
}

/** What one process would do: load the model, open the store, run. `watch` may abort. */
async function run(name: string, watch?: (event: TrainEvent, abort: AbortController) => void, changes: object = {}): Promise<Outcome> {
  await using policy = await toyPolicy();
  await using reference = await ReferenceModel.of(policy);
  await using vstar = await VStarCache.open(join(folder, `${name}.vstar.jsonl`), { seed: 9n });
  const trainer = new AStarPOTrainer({ policy, reference, vstar, runFolder: join(folder, name), ...settings, ...changes });
  const abort = new AbortController();
  const events: TrainEvent[] = [];
  let code: string | undefined;
  try {
    for await (const event of trainer.run({ signal: abort.signal })) {
      events.push(event);
      watch?.(event, abort);
    }
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error);
  }
  return { events, code, hash: await policy.contentHash() };
}

async function stableMetrics(name: string): Promise<unknown[]> {
  const lines = (await readFile(join(folder, name, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => {
    const { time: _time, metrics, ...rest } = JSON.parse(line) as { time: string; metrics: Record<string, number> };
    return { ...rest, metrics: Object.fromEntries(Object.entries(metrics).filter(([key]) => !isVolatileMetric(key))) };
  });
}

async function stableEvaluations(name: string): Promise<unknown[]> {
  return (await readEvaluations(join(folder, name))).map(({ time: _time, result: { seconds: _seconds, ...result }, ...rest }) => ({
    ...rest,
    ...result,
  }));
}

async function trajectories(name: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { step, trajectory } of readTrajectories(join(folder, name, 'trajectories.jsonl'))) {
    found.push(
      `${step} ${trajectory.taskId} ${trajectory.contexts.map(({ tokens }) => tokens.join(' ')).join(' | ')} ${trajectory.return}`,
    );
  }
  return found;
}

async function expectSame(name: string, outcome: Outcome, whole: Outcome): Promise<void> {
  expect(outcome.code).toBeUndefined();
  expect(await stableMetrics(name)).toEqual(await stableMetrics('whole'));
  expect(await stableEvaluations(name)).toEqual(await stableEvaluations('whole'));
  expect(await trajectories(name)).toEqual(await trajectories('whole'));
  expect(outcome.hash).toBe(whole.hash);
  await using store = await VStarCache.open(join(folder, `${name}.vstar.jsonl`), { readOnly: true });
  // Four for each of twelve goals, none drawn twice.
  expect([store.size, store.damaged]).toEqual([48, 0]);
}

describe('a resumed run', () => {
  it('equals an uninterrupted one bit for bit, wherever it was stopped', async () => {
    const whole = await run('whole');
    expect(whole.code).toBeUndefined();
    expect(await stableMetrics('whole')).toHaveLength(12);
    expect((await stableEvaluations('whole')).map((one) => (one as { step: number }).step)).toEqual([0, 4, 8, 12]);

    const stops: [string, (event: TrainEvent) => boolean][] = [
      ['stage1', (event) => event.type === 'stage1.progress' && event.done === 17],
      ['before', (event) => event.type === 'eval' && event.step === 0],
      ['rollout', (event) => event.type === 'rollout.done' && event.step === 7],
      ['step', (event) => event.type === 'step' && event.step === 8],
      ['eval', (event) => event.type === 'eval' && event.step === 8],
      ['last', (event) => event.type === 'step' && event.step === 12],
    ];
    for (const [name, stop] of stops) {
      const first = await run(name, (event, abort) => stop(event) && abort.abort());
      expect(first.code).toBe('ASTARPO_ABORTED');
      const second = await run(name);
      expect(second.events[0]).toMatchObject({ type: 'run.start', resumed: true });
      await expectSame(name, second, whole);
    }
  });

  it('equals an uninterrupted one where episodes have several contexts', async () => {
    const fresh = new ToyEnv({ fresh: true });
    const changes = { train: { ...settings.train, env: fresh }, evaluate: { ...settings.evaluate, env: fresh }, steps: 6 };
    const whole = await run('whole', undefined, changes);
    expect(whole.code).toBeUndefined();
    expect(await trajectories('whole')).toHaveLength(6 * settings.batchSize);
    for (const line of await trajectories('whole')) expect(line.split(' | ')).toHaveLength(2);
    const said = (outcome: Outcome) => outcome.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    expect(said(whole)).toEqual([]);
    expect(said(await run('small', undefined, { ...changes, microBatchTokens: 8, steps: 2 }))).toEqual([
      expect.stringMatching(/more tokens than microBatchTokens \(8\)/),
    ]);
    for (const [name, type, at] of [
      ['rollout', 'rollout.done', 3],
      ['step', 'step', 4],
    ] as const) {
      const first = await run(name, (event, abort) => event.type === type && event.step === at && abort.abort(), changes);
      expect(first.code).toBe('ASTARPO_ABORTED');
      await expectSame(name, await run(name, undefined, changes), whole);
    }
  });

  it('equals an uninterrupted one after kill -9', async () => {
    const whole = await run('whole');
    const script = join(folder, 'child.mts');
    const here = (path: string) => JSON.stringify(new URL(path, import.meta.url).pathname);
    await writeFile(
      script,
      `import { ReferenceModel } from ${here('../../lib/model/reference-model.ts')};
       import { AStarPOTrainer } from ${here('../../lib/train/trainer.ts')};
       import { VStarCache } from ${here('../../lib/vstar/cache.ts')};
       import { ToyEnv, toyPolicy } from ${here('../fixtures/toy.ts')};
       const env = new ToyEnv();
       const settings = ${JSON.stringify({ ...settings, seed: undefined, train: undefined, evaluate: undefined })};
       const policy = await toyPolicy();
       const reference = await ReferenceModel.of(policy);
       const vstar = await VStarCache.open(${JSON.stringify(join(folder, 'killed.vstar.jsonl'))}, { seed: 9n });
       const trainer = new AStarPOTrainer({ policy, reference, vstar, runFolder: ${JSON.stringify(join(folder, 'killed'))}, ...settings, seed: 5n,
         train: { env, split: 'train', limit: 12 },
         evaluate: { env, split: 'test', episodes: 10, every: 4, sampling: { maxTokens: 2 } } });
       for await (const event of trainer.run()) {
         if (event.type === process.argv[2] && (event.done ?? event.step) >= Number(process.argv[3])) process.kill(process.pid, 'SIGKILL');
       }`,
    );
    for (const [type, count] of [
      ['stage1.progress', 20],
      ['step', 3],
      ['rollout.done', 8],
    ] as const) {
      const child = spawn(process.execPath, ['--import', 'tsx', script, type, String(count)], { stdio: ['ignore', 'ignore', 'inherit'] });
      const signal = await new Promise((resolve) => child.on('exit', (_, name) => resolve(name)));
      expect(signal).toBe('SIGKILL');
    }
    // What a kill in the middle of a write would leave.
    await appendFile(join(folder, 'killed', 'metrics.jsonl'), '{"step":9,"met');
    await appendFile(join(folder, 'killed.vstar.jsonl'), '{"key":"');
    await expectSame('killed', await run('killed'), whole);
  });
});

describe('a run folder', () => {
  const short = { steps: 2, evaluate: undefined, checkpointEvery: 1 };

  it('holds what it should, and the same command after the end starts a new one', async () => {
    const { events } = await run('run', undefined, { ...short, steps: 5 });
    expect(events.at(-1)).toMatchObject({ type: 'done', step: 5 });
    const path = join(folder, 'run');
    expect((await readdir(path)).filter((name) => !name.startsWith('.')).sort()).toEqual(
      ['checkpoints', 'eval.jsonl', 'manifest.json', 'metrics.jsonl', 'reference', 'stage1.json', 'trajectories.jsonl'].sort(),
    );
    expect(await checkpointSteps(path)).toEqual([4, 5]);
    const threads = nativeAddon().info().threads;
    expect(await readManifest(path)).toMatchObject({ status: 'finished', config: { steps: 5, seed: '5' }, threads });
    const again = await run('run', undefined, { ...short, steps: 5 });
    expect(again.events[0]).toMatchObject({ resumed: false, folder: `${path}-2` });
    expect(again.events.find((event) => event.type === 'stage1.done')).toMatchObject({ sampled: 0 });
    await using reference = await ReferenceModel.load(join(path, 'reference'), { reproducible: true });
    expect(reference.hash).toBe((await readManifest(path))?.start.reference);
  });

  it('of another configuration or other weights is refused, and left as it is', async () => {
    await run('run', (event, abort) => event.type === 'step' && abort.abort(), short);
    const before = await readFile(join(folder, 'run', 'metrics.jsonl'), 'utf8');
    await expect(run('run', undefined, { ...short, learningRate: 0.5 })).resolves.toMatchObject({ code: 'ASTARPO_RUN_FOLDER' });
    await using other = await toyPolicy(8n);
    await using reference = await ReferenceModel.of(other);
    expect((await run('run', undefined, { ...short, policy: other, reference })).code).toBe('ASTARPO_RUN_FOLDER');
    expect(await readFile(join(folder, 'run', 'metrics.jsonl'), 'utf8')).toBe(before);
  });

  it('refuses another V* store, a damaged checkpoint and a file that was cut', async () => {
    await run('run', (event, abort) => event.type === 'step' && abort.abort(), short);
    const copy = async (name: string) => {
      await cp(join(folder, 'run'), join(folder, name), { recursive: true });
      await cp(join(folder, 'run.vstar.jsonl'), join(folder, `${name}.vstar.jsonl`));
    };
    await copy('stranger');
    await rm(join(folder, 'stranger.vstar.jsonl'));
    expect((await run('stranger', undefined, short)).code).toBe('ASTARPO_VSTAR');
    await copy('torn');
    const state = join(folder, 'torn', 'checkpoints', 'step-000001');
    const optimizer = await readFile(join(state, 'optimizer.safetensors'));
    await writeFile(join(state, 'optimizer.safetensors'), optimizer.subarray(0, optimizer.length - 100));
    expect((await run('torn', undefined, short)).code).toBe('ASTARPO_CHECKPOINT');
    await copy('lied');
    await writeFile(join(folder, 'lied', 'checkpoints', 'step-000001', 'state.json'), '{"state":{"step":1},"sha256":"0"}');
    expect((await run('lied', undefined, short)).code).toBe('ASTARPO_CHECKPOINT');
    await copy('cut');
    await writeFile(join(folder, 'cut', 'metrics.jsonl'), '');
    expect((await run('cut', undefined, short)).code).toBe('ASTARPO_CHECKPOINT');
    expect((await run('run', undefined, short)).code).toBeUndefined();
  });

  it('is not shared by two runs at a time', async () => {
    let second: Promise<Outcome> | undefined;
    const watch = (event: TrainEvent) => {
      if (event.type === 'run.start') second = run('second', undefined, { ...short, steps: 30, runFolder: join(folder, 'run') });
    };
    expect((await run('run', watch, { ...short, steps: 30 })).code).toBeUndefined();
    expect((await second)?.code).toBe('ASTARPO_BUSY');
  });
});

describe('a run', () => {
  it('of an unknown option or split does not begin', async () => {
    await using policy = await toyPolicy();
    await using reference = await ReferenceModel.of(policy);
    await using vstar = await VStarCache.open(join(folder, 'vstar.jsonl'));
    const make = (changes: object) => () => new AStarPOTrainer({ policy, reference, vstar, ...settings, ...changes });
    expect(make({ learnigRate: 1 })).toThrow(
      expect.objectContaining({ code: 'ASTARPO_UNKNOWN_OPTION', hint: expect.stringMatching(/learningRate/) }),
    );
    expect(make({ vstarOptions: { sample: 1 } })).toThrow(expect.objectContaining({ code: 'ASTARPO_UNKNOWN_OPTION' }));
    expect(make({ objective: 'astar-pro' })).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
    expect(make({ steps: 0 })).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
    expect(make({ train: { env, split: 'tran' } })).toThrow(expect.objectContaining({ code: 'ASTARPO_TASKS' }));
  });

  it('heeds the signal of its rollout options beside its own', async () => {
    const abort = new AbortController();
    const changes = { rollout: { ...settings.rollout, signal: abort.signal }, evaluate: undefined };
    const { code, events } = await run('signals', (event) => event.type === 'step' && event.step === 2 && abort.abort(), changes);
    expect(code).toBe('ASTARPO_ABORTED');
    expect(events.filter(({ type }) => type === 'step')).toHaveLength(2);
  });

  it('goes on past rejected episodes and stops when most are', async () => {
    const faulty = new ToyEnv();
    const met = new Set<string>();
    let hopeless = false;
    // Stage 1 opens 48 episodes; after it the first two tasks pay nonsense.
    faulty.meddle = ({ id }) => {
      met.add(id);
      const bad = hopeless || [...met].indexOf(id) < 2;
      return bad && faulty.opened > 48 ? { reward: Number.NaN, done: true } : undefined;
    };
    const changes = { train: { env: faulty, split: 'train', limit: 12 }, evaluate: undefined };
    const first = await run('faulty', undefined, changes);
    const steps = first.events.filter((event) => event.type === 'step');
    expect(first.code).toBeUndefined();
    expect(Math.max(...steps.map(({ metrics }) => metrics['batch/rejected'] ?? 0))).toBeGreaterThan(0);
    expect(first.events.some((event) => event.type === 'warning' && event.message.includes('ASTARPO_REWARD'))).toBe(true);
    hopeless = true;
    expect((await run('hopeless', undefined, { ...changes, vstarOptions: { samples: 2 } })).code).toBe('ASTARPO_REJECTED');
  });
});
