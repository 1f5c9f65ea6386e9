/*
 * What each part of A*-PO contributes, in the demo's shop: per seed one warm start and one stage 1, then one stage 2 per variant,
 * each evaluated like the demo (held-out products, temperature 1). Figures are reported; only the two variants that must not
 * learn are asserted.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rolloutOptions } from '../lib/demo/demo.ts';
import { type DemoSettings, fullDemo, quickDemo } from '../lib/demo/settings.ts';
import { openShop, warmStart } from '../lib/demo/warm-start.ts';
import type { WebShopEnv } from '../lib/env/webshop/webshop-env.ts';
import { Policy } from '../lib/model/policy.ts';
import { ReferenceModel } from '../lib/model/reference-model.ts';
import type { BatchItem, Objective } from '../lib/objective/objective.ts';
import { astarPO, astarPOSft } from '../lib/objective/presets.ts';
import { evaluate } from '../lib/train/evaluate.ts';
import type { EvaluationResult } from '../lib/train/events.ts';
import { AStarPOTrainer } from '../lib/train/trainer.ts';
import { deriveSeed, Rng } from '../lib/util/rng.ts';
import { mean, wilsonInterval } from '../lib/util/statistics.ts';
import { VStarCache } from '../lib/vstar/cache.ts';
import type { VStarMode } from '../lib/vstar/estimator.ts';
import type { BenchOptions, BenchRow } from './report.ts';

interface Variant {
  readonly name: string;
  readonly mode: VStarMode;
  objective(settings: DemoSettings, seed: number): Objective;
}

/** The demo's, with fewer steps: by then all that learn have levelled off, and seven variants of three seeds take their time. */
const ablationSettings: DemoSettings = { ...fullDemo, stage2: { ...fullDemo.stage2, steps: 100 } };

const soft = (settings: DemoSettings) => astarPO({ beta2: settings.stage2.beta2 });

const variants: readonly Variant[] = [
  { name: 'astar-po (V* soft)', mode: 'soft', objective: soft },
  { name: 'V* mean', mode: 'mean', objective: soft },
  { name: 'V* max', mode: 'max', objective: soft },
  { name: 'V* zero', mode: 'zero', objective: soft },
  { name: 'astar-po-sft', mode: 'soft', objective: () => astarPOSft() },
  { name: 'sign flipped', mode: 'soft', objective: (settings) => flipped(soft(settings)) },
  { name: 'returns permuted', mode: 'soft', objective: (settings, seed) => permuted(soft(settings), seed) },
];

/** A = V* − r: return and V* change places. */
function flipped(objective: Objective): Objective {
  return overItems(objective, `${objective.name}, sign flipped`, (items) =>
    items.map((item) => ({ ...item, return: item.vstar ?? Number.NaN, vstar: item.return })),
  );
}

/** Every trajectory keeps its V* and gets the return of another one of its batch. */
function permuted(objective: Objective, seed: number): Objective {
  let batch = 0;
  return overItems(objective, `${objective.name}, returns permuted`, (items) => {
    const returns = new Rng(deriveSeed(seed, 'permuted', batch++)).shuffle(items.map((item) => item.return));
    return items.map((item, index) => ({ ...item, return: returns[index] ?? Number.NaN }));
  });
}

function overItems(objective: Objective, name: string, change: (items: readonly BatchItem[]) => BatchItem[]): Objective {
  return { ...objective, name, prepare: (batch) => objective.prepare({ ...batch, items: change(batch.items) }) };
}

interface Outcome {
  readonly evaluation: EvaluationResult;
  /** Mean over the steps of the squared gradient norm before clipping. */
  readonly secondMoment: number;
}

/** Seeds 1 to 3 (--quick: seed 1 at a size that learns nothing, without the assertions). */
export async function benchAblation({ quick, log }: BenchOptions): Promise<BenchRow[]> {
  const settings = quick ? quickDemo : ablationSettings;
  const seeds = quick ? [1] : [1, 2, 3];
  const outcomes = new Map<string, Outcome[]>();
  const note = (name: string, outcome: Outcome) => outcomes.set(name, [...(outcomes.get(name) ?? []), outcome]);
  for (const seed of seeds) {
    const folder = await mkdtemp(join(tmpdir(), 'astarpo-ablation-'));
    try {
      await runSeed(seed, settings, folder, (name, outcome) => {
        const { success, interval } = outcome.evaluation;
        log(
          `seed ${seed}  ${name.padEnd(20)} ${(success * 100).toFixed(1)} % [${(interval.lo * 100).toFixed(1)}, ${(interval.hi * 100).toFixed(1)}]`,
        );
        note(name, outcome);
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  if (!quick) for (const index of seeds.keys()) assertNoLearning(outcomes, index);
  return [...outcomes].flatMap(([name, list]) => rowsOf(name, list, seeds));
}

async function runSeed(
  seed: number,
  settings: DemoSettings,
  folder: string,
  note: (name: string, outcome: Outcome) => void,
): Promise<void> {
  const env = await openShop(settings, seed);
  const device = { reproducible: true };
  await (await warmStart(env, settings, { folder, seed, device })).dispose();
  const reference = await ReferenceModel.load(join(folder, 'warm-start'), device);
  const vstar = await VStarCache.open(join(folder, 'vstar.jsonl'), { seed: deriveSeed(seed, 'vstar') });
  try {
    for (const variant of [undefined, ...variants]) {
      const policy = await Policy.load(join(folder, 'warm-start'), device);
      try {
        const secondMoment = variant === undefined ? Number.NaN : await learn(policy, reference, env, vstar, settings, seed, variant);
        const evaluation = await evaluateLikeDemo(policy, env, settings, seed);
        note(variant?.name ?? 'warm start', { evaluation, secondMoment });
      } finally {
        await policy.dispose();
      }
    }
  } finally {
    await vstar.close();
    await reference.dispose();
  }
}

/** Stage 2 as in the demo but for the objective and the mode of V*; stage 1 finds its samples in the store after the first variant. */
async function learn(
  policy: Policy,
  reference: ReferenceModel,
  env: WebShopEnv,
  vstar: VStarCache,
  settings: DemoSettings,
  seed: number,
  variant: Variant,
): Promise<number> {
  const { stage1, stage2 } = settings;
  const trainer = new AStarPOTrainer({
    ...{ policy, reference, vstar },
    train: { env, split: 'train', limit: stage1.tasks },
    objective: variant.objective(settings, seed),
    vstarOptions: { samples: stage1.samples, beta: stage1.beta1, mode: variant.mode },
    steps: stage2.steps,
    batchSize: stage2.batch,
    learningRate: stage2.learningRate,
    seed: deriveSeed(seed, 'train'),
    rollout: rolloutOptions(settings, false),
  });
  const squares: number[] = [];
  for await (const event of trainer.run()) {
    const norm = event.type === 'step' ? event.metrics['train/grad_norm'] : undefined;
    if (norm !== undefined) squares.push(norm * norm);
  }
  return mean(squares);
}

function evaluateLikeDemo(policy: Policy, env: WebShopEnv, settings: DemoSettings, seed: number): Promise<EvaluationResult> {
  const { episodes } = settings.evaluation;
  const rollout = { ...rolloutOptions(settings, false), concurrency: episodes };
  return evaluate(policy, env, env.tasks('test'), { episodes, seed: BigInt(seed), rollout });
}

/** The wrong sign must end clearly below the warm start; returns that belong to others must not end clearly above it. */
function assertNoLearning(outcomes: ReadonlyMap<string, readonly Outcome[]>, index: number): void {
  const interval = (name: string) => {
    const found = outcomes.get(name)?.[index]?.evaluation.interval;
    if (found === undefined) throw new Error(`expected a result of ${name}`);
    return found;
  };
  const start = interval('warm start');
  if (!(interval('sign flipped').hi < start.lo))
    throw new Error(`with the sign flipped success did not fall clearly below the warm start (seed index ${index})`);
  if (interval('returns permuted').lo > start.hi)
    throw new Error(`with permuted returns success rose clearly above the warm start (seed index ${index})`);
}

function rowsOf(name: string, list: readonly Outcome[], seeds: readonly number[]): BenchRow[] {
  const rates = list.map(({ evaluation }) => evaluation.success);
  const successes = list.reduce((sum, { evaluation }) => sum + evaluation.successes, 0);
  const trials = list.reduce((sum, { evaluation }) => sum + evaluation.episodes, 0);
  const { lo, hi } = wilsonInterval(successes, trials);
  const figure = (metric: string, unit: string, value: number, spread: number): BenchRow => ({ case: name, metric, unit, value, spread });
  const rows = [
    ...list.map(({ evaluation }, index) => {
      const { success, interval } = evaluation;
      return figure(`success, seed ${seeds[index]}`, 'share', success, (interval.hi - interval.lo) / 2);
    }),
    figure('success, all seeds', 'share', mean(rates), (hi - lo) / 2),
  ];
  const moments = list.map(({ secondMoment }) => secondMoment).filter(Number.isFinite);
  if (moments.length > 0)
    rows.push(figure('second moment of the gradient', 'mean ‖g‖²', mean(moments), Math.max(...moments) - Math.min(...moments)));
  return rows;
}
