import type { Environment, Task } from '../env/environment.ts';
import { AStarPOError } from '../errors.ts';
import { abortWith } from '../util/on-abort.ts';
import { playEpisode, type RolloutJob } from './episode.ts';
import type { EpisodeFault } from './faults.ts';
import type { ChatGenerator } from './model-speaker.ts';
import { checkRolloutOptions, defaultConcurrency, defaultRetries, type RolloutOptions } from './rollout-options.ts';
import { abortedError } from './timeout.ts';
import type { Trajectory } from './trajectory.ts';

export type { RolloutJob } from './episode.ts';
export type { EpisodeLimits } from './limits.ts';
export type { ChatGenerator } from './model-speaker.ts';
export type { RolloutOptions } from './rollout-options.ts';

/** What became of a job: a trajectory, or why there is none. */
export interface RolloutResult<T extends Task = Task> {
  readonly job: RolloutJob<T>;
  /** Position of the job in the list given. */
  readonly index: number;
  readonly trajectory: Trajectory | undefined;
  /** Of the last attempt; set exactly when there is no trajectory. */
  readonly fault: EpisodeFault | undefined;
  /** Faults of all attempts, successful retries included. */
  readonly faults: readonly EpisodeFault[];
}

/**
 * Plays jobs as concurrent async episodes on one engine and yields each result when it is there. Which tokens come out depends
 * on the job's seed, not on arrival order. When the consumer stops early, the episodes under way are aborted.
 * Throws ASTARPO_ABORTED, ASTARPO_OPTION, and whatever the model throws that is more than one episode's fault.
 */
export async function* rolloutStream<T extends Task>(
  generator: ChatGenerator,
  env: Environment<T>,
  jobs: readonly RolloutJob<T>[],
  options: RolloutOptions,
): AsyncGenerator<RolloutResult<T>, void, undefined> {
  checkRolloutOptions(options);
  const stop = new AbortController();
  const { signal } = stop;
  const { signal: outer } = options;
  const stopListening = abortWith(stop, outer);
  const ready: RolloutResult<T>[] = [];
  let wake: (() => void) | undefined;
  let failure: { error: unknown } | undefined;
  let next = 0;
  let running = 0;

  const worker = async () => {
    try {
      while (next < jobs.length && failure === undefined && !signal.aborted) {
        const index = next++;
        ready.push(await playJob(generator, env, jobs[index] as RolloutJob<T>, index, options, signal));
        wake?.();
      }
    } catch (error) {
      failure ??= { error };
      stop.abort();
    } finally {
      running--;
      wake?.();
    }
  };
  const workers: Promise<void>[] = [];
  for (let i = 0; i < Math.min(options.concurrency ?? defaultConcurrency, jobs.length); i++) {
    running++;
    workers.push(worker());
  }
  try {
    while (true) {
      for (let result = ready.shift(); result !== undefined; result = ready.shift()) yield result;
      if (running === 0) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (outer?.aborted === true) throw abortedError(outer);
    if (failure !== undefined) throw failure.error;
  } finally {
    stopListening();
    stop.abort();
    // No episode outlives its rollout: the next optimizer step must find the engine idle.
    await Promise.all(workers);
  }
}

/** Like `rolloutStream`, all results at once and in the order of the jobs. */
export async function rollout<T extends Task>(
  generator: ChatGenerator,
  env: Environment<T>,
  jobs: readonly RolloutJob<T>[],
  options: RolloutOptions,
): Promise<RolloutResult<T>[]> {
  const results: RolloutResult<T>[] = [];
  for await (const result of rolloutStream(generator, env, jobs, options)) results[result.index] = result;
  return results;
}

/** One job with its retries. */
async function playJob<T extends Task>(
  generator: ChatGenerator,
  env: Environment<T>,
  job: RolloutJob<T>,
  index: number,
  options: RolloutOptions,
  signal: AbortSignal,
): Promise<RolloutResult<T>> {
  const faults: EpisodeFault[] = [];
  const attempts = 1 + (options.retries ?? defaultRetries);
  for (let attempt = 0; ; attempt++) {
    const outcome = await playEpisode(generator, env, job, options, signal);
    if ('trajectory' in outcome) return { job, index, trajectory: outcome.trajectory, fault: undefined, faults };
    faults.push(outcome.fault);
    if (!outcome.fault.retry || attempt + 1 >= attempts) return { job, index, trajectory: undefined, fault: outcome.fault, faults };
  }
}

/** The faults of results, most frequent first: `ASTARPO_REWARD × 3: expected reward …`. */
export function describeFaults(results: readonly RolloutResult[]): string[] {
  const groups = new Map<string, { count: number; message: string }>();
  for (const { faults } of results) {
    for (const { error } of faults) {
      const group = groups.get(error.code);
      if (group === undefined) groups.set(error.code, { count: 1, message: error.message });
      else group.count++;
    }
  }
  return [...groups].sort((a, b) => b[1].count - a[1].count).map(([code, { count, message }]) => `${code} × ${count}: ${message}`);
}

/** Throws ASTARPO_REJECTED when more than half of the results are rejected. */
export function checkRejected(results: readonly RolloutResult[], what: string): void {
  const rejected = results.filter((result) => result.trajectory === undefined);
  if (rejected.length * 2 <= results.length) return;
  throw new AStarPOError(
    'ASTARPO_REJECTED',
    `${rejected.length} of ${results.length} episodes of ${what} were rejected; ${describeFaults(rejected).join('; ')}`,
    {
      hint: 'play an episode of this environment by hand with a scripted agent; nothing stored so far is lost',
    },
  );
}
