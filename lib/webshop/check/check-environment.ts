import type { Agent } from '../../env/agent.ts';
import { randomValidAgent } from '../../env/webshop/shoppers/random-agent.ts';
import { scriptedShopper } from '../../env/webshop/shoppers/scripted-shopper.ts';
import { WebShopEnv, type WebShopTask } from '../../env/webshop/webshop-env.ts';
import type { WebShopOptions } from '../../env/webshop/webshop-options.ts';
import { AStarPOError } from '../../errors.ts';
import { checkInteger, refuseUnknownOptions } from '../../util/known-options.ts';
import type { CheckReport } from './check-report.ts';
import { checkDeterminism } from './determinism-check.ts';
import { ObservationGauge } from './gauge.ts';
import { checkPerfect } from './perfect-check.ts';
import { playTasks } from './player-check.ts';
import { compareFigures, sanitySettings } from './sanity-figures.ts';
import { verdict } from './verdict.ts';

export interface CheckOptions {
  /** Goals that the players play, from the start of the split. Default 200, or as many as there are. */
  readonly goals?: number;
  /** Default `all`. */
  readonly split?: string;
  /** Decides the random player, and the environment's chances. Default 1. */
  readonly seed?: bigint;
  /** Agent turns of an episode at most. Default 15. */
  readonly maxTurns?: number;
  /** Goals whose best purchase is made, spread over the split. Default: all of up to 2,000, else 500. */
  readonly perfectGoals?: number;
  /** Characters that an observation may have. Default 20,000. */
  readonly budget?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CheckProgress) => void;
}

export interface CheckProgress {
  readonly stage: CheckStage;
  readonly done: number;
  readonly total: number;
}

/** In this order: opening the shop, the two players, the best purchases, and all over again in another environment. */
export type CheckStage = 'open' | 'scripted' | 'random' | 'perfect' | 'twice';

const known: Readonly<Record<keyof CheckOptions, true>> = {
  ...{ goals: true, split: true, seed: true, maxTurns: true, perfectGoals: true, budget: true, signal: true, onProgress: true },
};

/** Episodes that are played twice. */
const twicePlayed = 24;

/** A second copy of a larger catalogue may not fit into memory. */
const mostProductsTwice = 200_000;

const mostPerfect = { all: 2000, of: 500 };

/**
 * Opens an environment and tests it without a model: what the scripted shopper and a random player score, whether the best purchase of every
 * goal scores what it should, whether two environments tell the same, how long observations are, and whether all this is as it was when
 * this version was made, where that is known.
 *
 * Errors: `ASTARPO_UNKNOWN_OPTION`, `ASTARPO_OPTION`, `ASTARPO_TASKS` for a split that does not exist or has no goals, `ASTARPO_ABORTED`, and
 * those of `WebShopEnv.open`.
 */
export async function checkEnvironment(options: WebShopOptions = {}, settings: CheckOptions = {}): Promise<CheckReport> {
  refuseUnknownOptions('checkEnvironment', settings, known);
  for (const name of ['goals', 'maxTurns', 'perfectGoals', 'budget'] as const) {
    if (settings[name] !== undefined) checkInteger(name, settings[name], 1);
  }
  const { split, seed, maxTurns, goals } = { ...sanitySettings, ...settings };
  const { budget = 20_000, signal, onProgress = () => undefined } = settings;
  const begin = performance.now();
  const counted = (stage: CheckStage, total: number) => {
    let done = 0;
    onProgress({ stage, done, total });
    return () => onProgress({ stage, done: ++done, total });
  };

  const opened = counted('open', 1);
  await using env = await WebShopEnv.open(options);
  const all = env.tasks(split);
  if (all.length === 0) {
    throw new AStarPOError('ASTARPO_TASKS', `expected goals in split ${split}, got none`, {
      hint: `the splits are ${env.splits.join(', ')}`,
    });
  }
  opened();
  const tasks = Array.from({ length: Math.min(goals, all.length) }, (_, place) => all.at(place));
  const gauge = new ObservationGauge();
  const play = (stage: CheckStage, agent: (task: WebShopTask) => Agent) =>
    playTasks(env, tasks, agent, { seed, maxTurns, gauge, signal, onEpisode: counted(stage, tasks.length) });
  const scripted = await play('scripted', (task) => scriptedShopper(env, task));
  const random = await play('random', () => randomValidAgent());

  const bought = spread(all.length, settings.perfectGoals ?? (all.length <= mostPerfect.all ? all.length : mostPerfect.of));
  const perfect = await checkPerfect(
    env,
    bought.map((place) => all.at(place)),
    { gauge, signal, onGoal: counted('perfect', bought.length) },
  );

  const again = counted('twice', 1);
  await using other = env.shop.products.length > mostProductsTwice ? undefined : await WebShopEnv.open(options);
  const determinism = await checkDeterminism(env, other ?? env, tasks.slice(0, twicePlayed), { seed, maxTurns });
  again();

  const observations = { count: gauge.count, longest: gauge.longest, budget };
  const sanity = compareFigures(env, { scripted, random, perfect }, { split, seed, maxTurns, goals, perfectGoals: settings.perfectGoals });
  const { faults, warnings } = verdict(env, { determinism, observations, perfect, sanity });
  return {
    environment: { id: env.id, version: env.version, config: env.config },
    products: env.shop.products.length,
    splits: Object.fromEntries(env.splits.map((name) => [name, env.tasks(name).length])),
    ...{ split, seed: seed.toString(), maxTurns, scripted, random, perfect, determinism, observations, sanity, faults, warnings },
    passed: faults.length === 0,
    seconds: (performance.now() - begin) / 1000,
  };
}

/** `count` places of `length`, evenly. */
function spread(length: number, count: number): number[] {
  const taken = Math.min(count, length);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * length) / taken));
}
