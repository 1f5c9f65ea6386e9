import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { biasedShopper } from '../env/webshop/shoppers/biased-shopper.ts';
import { catalogueTexts, shopTokenPattern } from '../env/webshop/shoppers/catalogue-texts.ts';
import { WebShopEnv } from '../env/webshop/webshop-env.ts';
import type { DeviceOptions } from '../model/device-options.ts';
import { initModel } from '../model/init-model.ts';
import { Policy } from '../model/policy.ts';
import { playAgent } from '../rollout/scripted.ts';
import type { Trajectory } from '../rollout/trajectory.ts';
import { type SupervisedProgress, supervisedFineTune } from '../train/sft.ts';
import { deriveSeed, Rng } from '../util/rng.ts';
import type { DemoSettings } from './settings.ts';

export function openShop(settings: DemoSettings, seed: number): Promise<WebShopEnv> {
  return WebShopEnv.open({ synthetic: { ...settings.shop, seed } });
}

/** Random weights; the tokenizer is learned on the catalogue and the training instructions. */
export function initDemoModel(env: WebShopEnv, settings: DemoSettings, seed: number, device: DeviceOptions): Promise<Policy> {
  const options = {
    ...settings.model,
    tiedHead: true,
    chat: 'compact',
    pattern: shopTokenPattern,
    seed: deriveSeed(seed, 'weights'),
  } as const;
  return initModel(catalogueTexts(env), options, device);
}

/** What the careless shopper does with training tasks: the only thing that the model ever imitates. */
export async function carelessEpisodes(
  env: WebShopEnv,
  policy: Policy,
  settings: DemoSettings,
  seed: number,
  options: { signal?: AbortSignal; onEpisode?: (done: number) => void } = {},
): Promise<Trajectory[]> {
  const { episodes } = settings.warmStart;
  const tasks = env.tasks('train');
  const order = new Rng(deriveSeed(seed, 'warm-start-tasks'));
  const trajectories: Trajectory[] = [];
  for (let episode = 0; episode < episodes; episode++) {
    const task = tasks.at(order.integer(tasks.length));
    const play = {
      seed: deriveSeed(seed, 'careless', episode),
      maxTurns: settings.rollout.maxTurns,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    trajectories.push(await playAgent(env, task, biasedShopper(env, task, settings.careless), policy.chat, play));
    options.onEpisode?.(episode + 1);
  }
  return trajectories;
}

export interface WarmStartOptions {
  readonly folder: string;
  readonly seed: number;
  readonly device: DeviceOptions;
  readonly signal?: AbortSignal;
  readonly onEpisode?: (done: number) => void;
  readonly onProgress?: (progress: SupervisedProgress) => void;
}

/**
 * The warm-started policy: made the first time, kept in `folder`/warm-start, and always loaded from there, so that a run that was
 * interrupted goes on from the same bytes (and with a fresh optimizer) as one that was not.
 */
export async function warmStart(env: WebShopEnv, settings: DemoSettings, options: WarmStartOptions): Promise<Policy> {
  const { folder, seed, device, signal } = options;
  const kept = join(folder, 'warm-start');
  const unfinished = join(folder, 'warm-start.unfinished');
  if (!existsSync(kept)) {
    const policy = await initDemoModel(env, settings, seed, device);
    try {
      const abort = signal === undefined ? {} : { signal };
      const progress = options.onEpisode === undefined ? {} : { onEpisode: options.onEpisode };
      const trajectories = await carelessEpisodes(env, policy, settings, seed, { ...abort, ...progress });
      await supervisedFineTune(policy, trajectories, {
        steps: settings.warmStart.steps,
        batchSize: settings.warmStart.batch,
        learningRate: settings.warmStart.learningRate,
        beta2: settings.warmStart.beta2,
        seed: deriveSeed(seed, 'warm-start'),
        checkpoint: { folder: unfinished, every: 50 },
        ...abort,
        ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      });
      await policy.save(kept);
      await rm(unfinished, { recursive: true, force: true });
    } finally {
      await policy.dispose();
    }
  }
  return Policy.load(kept, device);
}
