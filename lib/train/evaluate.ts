import type { Agent } from '../env/agent.ts';
import type { Environment, Task, TaskList } from '../env/environment.ts';
import { AStarPOError } from '../errors.ts';
import { asFault } from '../rollout/faults.ts';
import { type ChatGenerator, type RolloutOptions, type RolloutResult, rollout } from '../rollout/rollout.ts';
import { checkConcurrency, defaultConcurrency } from '../rollout/rollout-options.ts';
import { runAgent } from '../rollout/scripted.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { mapConcurrently } from '../util/map-concurrently.ts';
import { deriveSeed } from '../util/rng.ts';
import { mean, passAtK, sum, wilsonInterval } from '../util/statistics.ts';
import type { EvaluationResult } from './events.ts';

export interface EvaluateOptions {
  /** Tasks, from the start of the list. Default: all. */
  readonly episodes?: number;
  /** Episodes per task, for pass@k. Default 1. */
  readonly samples?: number;
  /** Decides sampling and the environment's chances; the same for every evaluation of a run. Default 0. */
  readonly seed?: bigint;
  readonly rollout: RolloutOptions;
  readonly signal?: AbortSignal | undefined;
}

const names: OptionNames<EvaluateOptions> = { episodes: true, samples: true, seed: true, rollout: true, signal: true };

/** The seed of an evaluation's episode. */
export function evaluationSeed(seed: bigint, taskId: string, sample: number): bigint {
  return deriveSeed(seed, 'evaluation', taskId, sample);
}

/** What one episode came to. */
interface Outcome {
  readonly return: number;
  readonly success: boolean;
  readonly finish: string;
  readonly turns: number;
  readonly validActions: number;
  readonly tokens: number;
}

/**
 * Plays fixed tasks with fixed seeds. An episode that ends by a fault counts as a failure with return 0: leaving it out would
 * flatter. Throws ASTARPO_UNKNOWN_OPTION, ASTARPO_TASKS when there are no tasks, ASTARPO_ABORTED, and what ends a rollout.
 */
export async function evaluate<T extends Task>(
  generator: ChatGenerator,
  env: Environment<T>,
  tasks: TaskList<T>,
  options: EvaluateOptions,
): Promise<EvaluationResult> {
  refuseUnknownOptions('evaluate', options, names);
  const started = performance.now();
  const samples = options.samples ?? 1;
  const jobs = chooseTasks(tasks, options.episodes).flatMap((task) =>
    Array.from({ length: samples }, (_, sample) => ({ task, sample, seed: evaluationSeed(options.seed ?? 0n, task.id, sample) })),
  );
  const results = await rollout(generator, env, jobs, { ...options.rollout, signal: options.signal ?? options.rollout.signal });
  return summarise(results.map(outcomeOf), samples, (performance.now() - started) / 1000);
}

export interface EvaluateAgentOptions {
  /** Tasks, from the start of the list. Default: all. */
  readonly episodes?: number;
  /** As in `evaluate`: the environment's chances are the same then. Default 0. */
  readonly seed?: bigint;
  /** Agent turns of an episode at most. Default 15. */
  readonly maxTurns?: number;
  /** Episodes that run at the same time; the result does not depend on it. Default 64. */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
}

const agentNames: OptionNames<EvaluateAgentOptions> = { episodes: true, seed: true, maxTurns: true, concurrency: true, signal: true };

/** Plays the same tasks with a scripted agent, a fresh one per episode: a baseline. Throws as `evaluate` does. */
export async function evaluateAgent<T extends Task>(
  agent: (task: T) => Agent,
  env: Environment<T>,
  tasks: TaskList<T>,
  options: EvaluateAgentOptions = {},
): Promise<EvaluationResult> {
  refuseUnknownOptions('evaluateAgent', options, agentNames);
  const { episodes, seed = 0n, concurrency = defaultConcurrency, signal, ...limits } = options;
  checkConcurrency(concurrency);
  const started = performance.now();
  const play = async (task: T, stop: AbortSignal): Promise<Outcome> => {
    try {
      const { tally, finish } = await runAgent(env, task, agent(task), { ...limits, seed: evaluationSeed(seed, task.id, 0), signal: stop });
      return { ...tally, turns: tally.agentTurns, finish, tokens: 0 };
    } catch (error) {
      const fault = asFault(error);
      if (fault === undefined) throw error;
      return { ...noOutcome, finish: fault.finish };
    }
  };
  const outcomes = await mapConcurrently(chooseTasks(tasks, episodes), concurrency, play, signal);
  return summarise(outcomes, 1, (performance.now() - started) / 1000);
}

const noOutcome = { return: 0, success: false, turns: 0, validActions: 0, tokens: 0 };

function outcomeOf({ trajectory, fault }: RolloutResult): Outcome {
  if (trajectory === undefined) return { ...noOutcome, finish: fault?.finish ?? 'env_error' };
  const { success, finish, agentTurns: turns, validActions, sampledTokens: tokens } = trajectory;
  return { return: trajectory.return, success, finish, turns, validActions, tokens };
}

function chooseTasks<T extends Task>(tasks: TaskList<T>, episodes = tasks.length): T[] {
  const count = Math.min(episodes, tasks.length);
  if (count === 0)
    throw new AStarPOError('ASTARPO_TASKS', 'expected tasks to evaluate on, got none', {
      hint: 'check the split and the number of episodes',
    });
  return Array.from({ length: count }, (_, index) => tasks.at(index));
}

function summarise(outcomes: readonly Outcome[], samples: number, seconds: number): EvaluationResult {
  const successes = outcomes.filter((outcome) => outcome.success).length;
  const finish: Record<string, number> = {};
  for (const outcome of outcomes) finish[outcome.finish] = (finish[outcome.finish] ?? 0) + 1;
  const turns = sum(outcomes.map((outcome) => outcome.turns));
  const cut = (finish.max_turns ?? 0) + (finish.max_context ?? 0) + (finish.turn_token_limit ?? 0);
  return {
    episodes: outcomes.length,
    successes,
    success: successes / outcomes.length,
    interval: wilsonInterval(successes, outcomes.length),
    score: mean(outcomes.map((outcome) => outcome.return)),
    turns: turns / outcomes.length,
    tokens: mean(outcomes.map((outcome) => outcome.tokens)),
    validRate: turns === 0 ? 0 : sum(outcomes.map((outcome) => outcome.validActions)) / turns,
    finish,
    truncationRate: cut / outcomes.length,
    seconds,
    ...(samples > 1 ? { passAtK: passAtEveryK(outcomes, samples) } : {}),
  };
}

function passAtEveryK(outcomes: readonly Outcome[], samples: number): number[] {
  const wins: number[] = [];
  for (let i = 0; i < outcomes.length; i += samples) wins.push(outcomes.slice(i, i + samples).filter((outcome) => outcome.success).length);
  return Array.from({ length: samples }, (_, k) => mean(wins.map((c) => passAtK(samples, c, k + 1))));
}
