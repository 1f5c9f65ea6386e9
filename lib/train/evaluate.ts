import type { Agent } from '../env/agent.ts';
import type { Environment, Task, TaskList } from '../env/environment.ts';
import { AStarPOError } from '../errors.ts';
import { asFault } from '../rollout/faults.ts';
import { type ChatGenerator, type RolloutOptions, type RolloutResult, rolloutStream } from '../rollout/rollout.ts';
import { checkConcurrency, defaultConcurrency } from '../rollout/rollout-options.ts';
import { runAgent } from '../rollout/scripted.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { mapConcurrently } from '../util/map-concurrently.ts';
import { deriveSeed } from '../util/rng.ts';
import { faultyOutcome, type Outcome, outcomeOf, summarise } from './evaluation-result.ts';
import type { EvaluationResult } from './events.ts';

export interface EvaluateOptions<T extends Task = Task> {
  /** Tasks, from the start of the list. Default: all. */
  readonly episodes?: number;
  /** Episodes per task, for pass@k. Default 1. */
  readonly samples?: number;
  /** Decides sampling and the environment's chances; the same for every evaluation of a run. Default 0. */
  readonly seed?: bigint;
  readonly rollout: RolloutOptions;
  /** Name of the split that the tasks are of: the result repeats it. */
  readonly split?: string;
  /** Called with each episode when it has ended; the order is that of ending. What it throws ends the evaluation. */
  readonly onEpisode?: ((result: RolloutResult<T>) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const names: OptionNames<EvaluateOptions> = {
  ...{ episodes: true, samples: true, seed: true, rollout: true },
  ...{ split: true, onEpisode: true, signal: true },
};

/** The seed of an evaluation's episode. */
export function evaluationSeed(seed: bigint, taskId: string, sample: number): bigint {
  return deriveSeed(seed, 'evaluation', taskId, sample);
}

/**
 * Plays fixed tasks with fixed seeds. An episode that ends by a fault counts as a failure with return 0: leaving it out would
 * flatter. Throws ASTARPO_UNKNOWN_OPTION, ASTARPO_TASKS when there are no tasks, ASTARPO_ABORTED, and what ends a rollout.
 */
export async function evaluate<T extends Task>(
  generator: ChatGenerator,
  env: Environment<T>,
  tasks: TaskList<T>,
  options: EvaluateOptions<T>,
): Promise<EvaluationResult> {
  refuseUnknownOptions('evaluate', options, names);
  const started = performance.now();
  const samples = options.samples ?? 1;
  const jobs = chooseTasks(tasks, options.episodes).flatMap((task) =>
    Array.from({ length: samples }, (_, sample) => ({ task, sample, seed: evaluationSeed(options.seed ?? 0n, task.id, sample) })),
  );
  const outcomes: Outcome[] = [];
  const { rollout, signal = rollout.signal, split } = options;
  for await (const result of rolloutStream(generator, env, jobs, { ...rollout, signal })) {
    options.onEpisode?.(result);
    outcomes[result.index] = outcomeOf(result);
  }
  return summarise(env, outcomes, { split, samples, seconds: (performance.now() - started) / 1000 });
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
  /** As in `evaluate`. */
  readonly split?: string;
  readonly signal?: AbortSignal;
}

const agentNames: OptionNames<EvaluateAgentOptions> = {
  ...{ episodes: true, seed: true, maxTurns: true },
  ...{ concurrency: true, split: true, signal: true },
};

/** Plays the same tasks with a scripted agent, a fresh one per episode: a baseline. Throws as `evaluate` does. */
export async function evaluateAgent<T extends Task>(
  agent: (task: T) => Agent,
  env: Environment<T>,
  tasks: TaskList<T>,
  options: EvaluateAgentOptions = {},
): Promise<EvaluationResult> {
  refuseUnknownOptions('evaluateAgent', options, agentNames);
  const { episodes, seed = 0n, concurrency = defaultConcurrency, split, signal, ...limits } = options;
  checkConcurrency(concurrency);
  const started = performance.now();
  const play = async (task: T, stop: AbortSignal): Promise<Outcome> => {
    try {
      const { tally, finish } = await runAgent(env, task, agent(task), { ...limits, seed: evaluationSeed(seed, task.id, 0), signal: stop });
      return { ...tally, turns: tally.agentTurns, finish, tokens: 0 };
    } catch (error) {
      const fault = asFault(error);
      if (fault === undefined) throw error;
      return faultyOutcome(fault.finish);
    }
  };
  const outcomes = await mapConcurrently(chooseTasks(tasks, episodes), concurrency, play, signal);
  return summarise(env, outcomes, { split, samples: 1, seconds: (performance.now() - started) / 1000 });
}

function chooseTasks<T extends Task>(tasks: TaskList<T>, episodes = tasks.length): T[] {
  const count = Math.min(episodes, tasks.length);
  if (count === 0)
    throw new AStarPOError('ASTARPO_TASKS', 'expected tasks to evaluate on, got none', {
      hint: 'check the split and the number of episodes',
    });
  return Array.from({ length: count }, (_, index) => tasks.at(index));
}
