import type { Agent } from '../../env/agent.ts';
import type { WebShopEnv, WebShopTask } from '../../env/webshop/webshop-env.ts';
import { runAgent } from '../../rollout/scripted.ts';
import { deriveSeed } from '../../util/rng.ts';
import { bootstrapInterval, type Interval, mean, wilsonInterval } from '../../util/statistics.ts';
import type { ObservationGauge } from './gauge.ts';

/** What a player without a model came to. */
export interface PlayerResult {
  readonly episodes: number;
  /** Mean of WebShop's score, whatever the environment pays for it, with its 95 % bootstrap interval. */
  readonly score: number;
  readonly scoreInterval: Interval;
  readonly successes: number;
  /** Share of `episodes` with its 95 % Wilson interval. */
  readonly success: number;
  readonly successInterval: Interval;
  /** Mean agent turns of an episode. */
  readonly turns: number;
  /** Share of actions that were possible. */
  readonly validRate: number;
  /** Episodes per finish reason. */
  readonly finish: Readonly<Record<string, number>>;
}

export interface PlayOptions {
  readonly seed: bigint;
  readonly maxTurns: number;
  readonly gauge: ObservationGauge;
  readonly signal?: AbortSignal | undefined;
  /** After every episode. */
  readonly onEpisode?: () => void;
}

/** Plays the tasks with a fresh agent each; the seeds of its episodes follow from `seed` and the task. Throws as `runAgent` does. */
export async function playTasks(
  env: WebShopEnv,
  tasks: readonly WebShopTask[],
  agent: (task: WebShopTask) => Agent,
  { seed, maxTurns, gauge, signal, onEpisode }: PlayOptions,
): Promise<PlayerResult> {
  const scores: number[] = [];
  const finish: Record<string, number> = {};
  let [successes, turns, valid] = [0, 0, 0];
  for (const task of tasks) {
    const episode = await runAgent(env, task, gauge.watch(agent(task), task.id), {
      ...{ seed: deriveSeed(seed, 'check', task.id), maxTurns },
      ...(signal === undefined ? {} : { signal }),
    });
    scores.push(episode.tally.rewards.score ?? 0);
    successes += episode.tally.success ? 1 : 0;
    turns += episode.tally.agentTurns;
    valid += episode.tally.validActions;
    finish[episode.finish] = (finish[episode.finish] ?? 0) + 1;
    onEpisode?.();
  }
  return {
    episodes: tasks.length,
    score: mean(scores),
    scoreInterval: bootstrapInterval(scores),
    successes,
    success: successes / tasks.length,
    successInterval: wilsonInterval(successes, tasks.length),
    turns: turns / tasks.length,
    validRate: turns === 0 ? 0 : valid / turns,
    finish,
  };
}
