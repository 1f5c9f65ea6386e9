import { describeEnvironment } from '../env/describe-environment.ts';
import type { Environment } from '../env/environment.ts';
import type { RolloutResult } from '../rollout/rollout.ts';
import { defined } from '../util/defined.ts';
import { mean, passAtK, sum, wilsonInterval } from '../util/statistics.ts';
import type { EvaluationResult } from './events.ts';

/** What one episode came to. */
export interface Outcome {
  readonly return: number;
  readonly rewards: Readonly<Record<string, number>>;
  readonly success: boolean;
  readonly finish: string;
  readonly turns: number;
  readonly validActions: number;
  readonly tokens: number;
}

/** Of an episode that ended by a fault: a failure with return 0, since leaving it out would flatter. */
export function faultyOutcome(finish: string): Outcome {
  return { return: 0, rewards: {}, success: false, turns: 0, validActions: 0, tokens: 0, finish };
}

export function outcomeOf({ trajectory, fault }: RolloutResult): Outcome {
  if (trajectory === undefined) return faultyOutcome(fault?.finish ?? 'env_error');
  const { rewards, success, finish, agentTurns: turns, validActions, sampledTokens: tokens } = trajectory;
  return { return: trajectory.return, rewards, success, finish, turns, validActions, tokens };
}

/** `outcomes`: the samples of a task next to each other. */
export function summarise(
  env: Environment,
  outcomes: readonly Outcome[],
  { split, samples, seconds }: { readonly split: string | undefined; readonly samples: number; readonly seconds: number },
): EvaluationResult {
  const successes = outcomes.filter((outcome) => outcome.success).length;
  const finish: Record<string, number> = {};
  for (const outcome of outcomes) finish[outcome.finish] = (finish[outcome.finish] ?? 0) + 1;
  const turns = sum(outcomes.map((outcome) => outcome.turns));
  const cut = (finish.max_turns ?? 0) + (finish.max_context ?? 0) + (finish.turn_token_limit ?? 0);
  return defined({
    environment: describeEnvironment(env),
    split,
    episodes: outcomes.length,
    successes,
    success: successes / outcomes.length,
    interval: wilsonInterval(successes, outcomes.length),
    score: mean(outcomes.map((outcome) => outcome.return)),
    rewards: meanRewards(outcomes),
    turns: turns / outcomes.length,
    tokens: mean(outcomes.map((outcome) => outcome.tokens)),
    validRate: turns === 0 ? 0 : sum(outcomes.map((outcome) => outcome.validActions)) / turns,
    finish,
    truncationRate: cut / outcomes.length,
    seconds,
    passAtK: samples > 1 ? passAtEveryK(outcomes, samples) : undefined,
  });
}

function meanRewards(outcomes: readonly Outcome[]): Record<string, number> {
  const names = new Set(outcomes.flatMap(({ rewards }) => Object.keys(rewards)));
  return Object.fromEntries(Array.from(names, (name) => [name, mean(outcomes.map(({ rewards }) => rewards[name] ?? 0))]));
}

function passAtEveryK(outcomes: readonly Outcome[], samples: number): number[] {
  const wins: number[] = [];
  for (let i = 0; i < outcomes.length; i += samples) wins.push(outcomes.slice(i, i + samples).filter((outcome) => outcome.success).length);
  return Array.from({ length: samples }, (_, k) => mean(wins.map((c) => passAtK(samples, c, k + 1))));
}
