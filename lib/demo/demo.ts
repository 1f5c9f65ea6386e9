/*
 * The demo, top to bottom: a synthetic shop, a model of 0.8 million weights that has seen a careless shopper, and A*-PO, which
 * makes it careful. Nothing is imitated after the warm start; what is measured are products that training never asked for.
 *
 * Every part leaves its result in the run folder, so that the same command goes on wherever it was stopped.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomValidAgent } from '../env/webshop/shoppers/random-agent.ts';
import { scriptedShopper } from '../env/webshop/shoppers/scripted-shopper.ts';
import type { WebShopEnv } from '../env/webshop/webshop-env.ts';
import { AStarPOError } from '../errors.ts';
import { ConsoleSink, describeEvaluation, describeProgress } from '../log/console.ts';
import { formatSeconds, type ProgressLine } from '../log/progress.ts';
import type { DeviceOptions } from '../model/device-options.ts';
import type { Policy } from '../model/policy.ts';
import { ReferenceModel } from '../model/reference-model.ts';
import { astarPO } from '../objective/presets.ts';
import type { ChatGenerator, RolloutOptions } from '../rollout/rollout.ts';
import { latestCheckpoint } from '../train/checkpoint.ts';
import { evaluate, evaluateAgent } from '../train/evaluate.ts';
import type { EvaluationResult } from '../train/events.ts';
import { hashConfig, readManifest } from '../train/run-folder.ts';
import { AStarPOTrainer } from '../train/trainer.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import type { JsonObject } from '../util/json.ts';
import { deriveSeed } from '../util/rng.ts';
import { VStarCache } from '../vstar/cache.ts';
import { PhaseLog, type PhaseSeconds } from './phases.ts';
import type { DemoSettings } from './settings.ts';
import { openShop, warmStart } from './warm-start.ts';

export interface DemoOptions {
  readonly seed: number;
  readonly settings: DemoSettings;
  /** Run folder; if the run in it is finished, the next free of `folder-2`, `folder-3`, … */
  readonly folder: string;
  readonly threads?: number | undefined;
  /** What the set-up of the clone took before this process, counted as set-up. Default 0. */
  readonly setupSeconds?: number;
  readonly signal?: AbortSignal;
  readonly line: ProgressLine;
}

/** Success rate with its 95 % Wilson interval over n episodes. */
export interface Rate {
  readonly success: number;
  readonly lo: number;
  readonly hi: number;
  readonly n: number;
}

/** result.json */
export interface DemoResult {
  readonly seed: number;
  /** At temperature 1. */
  readonly before: Rate;
  readonly after: Rate;
  readonly random: Rate;
  readonly scripted: Rate;
  readonly greedy: { readonly before: Rate; readonly after: Rate };
  readonly seconds: PhaseSeconds;
}

/** Runs what is left to do of the demo and returns its result with the folder that it is in. */
export async function runDemo(options: DemoOptions): Promise<{ folder: string; result: DemoResult }> {
  const { settings, seed, line, signal } = options;
  const folder = await chooseFolder(options);
  const log = await PhaseLog.open(folder);
  await log.add('setup', options.setupSeconds ?? 0);
  line.print(`demo     seed ${seed}, run folder ${folder}`);

  const env = await log.time('setup', () => openShop(settings, seed));
  const held = env.tasks('test').length;
  line.print(
    `shop     ${env.shop.products.length} products, ${env.tasks('train').length} training goals, ${held} goals for held-out products`,
  );

  const scripted = await log.once('scripted', 'evaluation', () => playAgent(env, settings, (task) => scriptedShopper(env, task)));
  const random = await log.once('random', 'evaluation', () => playAgent(env, settings, () => randomValidAgent()));
  line.print(`baseline random valid actions ${describeEvaluation(random)}`);
  line.print(`baseline scripted shopper     ${describeEvaluation(scripted)}`);

  const device: DeviceOptions = { reproducible: true, ...(options.threads === undefined ? {} : { threads: options.threads }) };
  const abort = signal === undefined ? {} : { signal };
  const policy = await log.time('warmStart', () =>
    warmStart(env, settings, {
      ...{ folder, seed, device, ...abort },
      onEpisode: (done) => line.update(`warm     ${done}/${settings.warmStart.episodes} episodes of the careless shopper`),
      onProgress: (progress) => line.update(describeProgress('warm', progress)),
    }),
  );
  try {
    line.finish(`warm     imitated the careless shopper in ${formatSeconds(log.seconds.warmStart)}`);
    const play = (generator: ChatGenerator, greedy: boolean) => () => playModel(generator, env, options, greedy);
    const before = await log.once('before', 'evaluation', play(policy, false));
    const beforeGreedy = await log.once('beforeGreedy', 'evaluation', play(policy, true));
    line.print(`before   ${describeEvaluation(before)}; greedy ${describeEvaluation(beforeGreedy)}`);

    await train(policy, env, options, folder, log);

    const after = await log.once('after', 'evaluation', play(policy, false));
    const afterGreedy = await log.once('afterGreedy', 'evaluation', play(policy, true));
    line.print(`after    ${describeEvaluation(after)}; greedy ${describeEvaluation(afterGreedy)}`);
    await policy.save(join(folder, 'model'));
    const result: DemoResult = {
      seed,
      ...{ before: rate(before), after: rate(after), random: rate(random), scripted: rate(scripted) },
      greedy: { before: rate(beforeGreedy), after: rate(afterGreedy) },
      seconds: log.seconds,
    };
    await writeFileAtomic(join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
    return { folder, result };
  } finally {
    await policy.dispose();
  }
}

/** Both stages of A*-PO, unless an earlier process has finished them: then the policy is loaded as it was at the end. */
async function train(policy: Policy, env: WebShopEnv, options: DemoOptions, folder: string, log: PhaseLog): Promise<void> {
  const { settings, seed, signal } = options;
  const manifest = await readManifest(folder);
  if (manifest?.status === 'finished') {
    const last = await latestCheckpoint(folder, manifest.configHash);
    if (last === undefined)
      throw new AStarPOError('ASTARPO_CHECKPOINT', `${folder} has no checkpoint`, { hint: 'remove it and start again' });
    await policy.loadWeights(join(last.folder, 'model'));
    return;
  }
  const reference = await ReferenceModel.of(policy);
  let vstar: VStarCache | undefined;
  const console = new ConsoleSink(options.line);
  let stage: 'stage1' | 'stage2' = 'stage1';
  let since = performance.now();
  const lap = async () => {
    const now = performance.now();
    await log.add(stage, (now - since) / 1000);
    since = now;
  };
  try {
    vstar = await VStarCache.open(join(folder, 'vstar.jsonl'), { seed: deriveSeed(seed, 'vstar') });
    const { stage1, stage2 } = settings;
    const trainer = new AStarPOTrainer({
      ...{ policy, reference, vstar, runFolder: folder },
      train: { env, split: 'train', limit: stage1.tasks },
      objective: astarPO({ beta2: stage2.beta2 }),
      vstarOptions: { samples: stage1.samples, beta: stage1.beta1 },
      steps: stage2.steps,
      batchSize: stage2.batch,
      learningRate: stage2.learningRate,
      checkpointEvery: stage2.checkpointEvery,
      trajectoriesPerStep: 4,
      seed: deriveSeed(seed, 'train'),
      rollout: rolloutOptions(settings, false),
    });
    for await (const event of trainer.run(signal === undefined ? {} : { signal })) {
      console.write(event);
      if (event.type !== 'stage1.done') continue;
      await lap();
      stage = 'stage2';
    }
  } finally {
    await lap();
    console.close();
    await vstar?.close();
    await reference.dispose();
  }
}

export function rolloutOptions(settings: DemoSettings, greedy: boolean): RolloutOptions {
  const { maxTokens, maxTurns, concurrency } = settings.rollout;
  return { sampling: { maxTokens, temperature: 1, greedy }, maxTurns, concurrency };
}

/** The same held-out tasks and seeds every time. */
function playModel(
  generator: ChatGenerator,
  env: WebShopEnv,
  { settings, seed, signal }: DemoOptions,
  greedy: boolean,
): Promise<EvaluationResult> {
  const { episodes } = settings.evaluation;
  const rollout = { ...rolloutOptions(settings, greedy), concurrency: episodes };
  return evaluate(generator, env, env.tasks('test'), { split: 'test', episodes, seed: BigInt(seed), rollout, signal });
}

function playAgent(
  env: WebShopEnv,
  settings: DemoSettings,
  agent: Parameters<typeof evaluateAgent<ReturnType<ReturnType<WebShopEnv['tasks']>['at']>>>[0],
): Promise<EvaluationResult> {
  const { evaluation, rollout } = settings;
  return evaluateAgent(agent, env, env.tasks('test'), {
    split: 'test',
    episodes: evaluation.episodes,
    maxTurns: Math.max(15, rollout.maxTurns),
  });
}

function rate({ success, interval, episodes }: EvaluationResult): Rate {
  return { success, lo: interval.lo, hi: interval.hi, n: episodes };
}

/**
 * The first of `folder`, `folder-2`, … without a finished run; written down there is what the run was started with.
 * Throws ASTARPO_RUN_FOLDER when an unfinished run in it has other settings.
 */
async function chooseFolder({ folder: base, seed, settings }: DemoOptions): Promise<string> {
  const config = JSON.parse(JSON.stringify({ seed, settings })) as JsonObject;
  for (let number = 1; ; number++) {
    const folder = number === 1 ? base : `${base}-${number}`;
    if (existsSync(join(folder, 'result.json'))) continue;
    const path = join(folder, 'demo.json');
    if (!existsSync(path)) {
      await mkdir(folder, { recursive: true });
      await writeFileAtomic(path, `${JSON.stringify(config, null, 2)}\n`);
    } else if (hashConfig(JSON.parse(await readFile(path, 'utf8')) as JsonObject) !== hashConfig(config)) {
      throw new AStarPOError('ASTARPO_RUN_FOLDER', `${folder} holds an unfinished demo with another seed or other settings`, {
        hint: `finish it with its own options (they are in ${path}), remove it, or choose another folder with --out`,
      });
    }
    return folder;
  }
}
