import type { Environment, Task } from '../env/environment.ts';
import { AStarPOError } from '../errors.ts';
import { defaultMaxTurns, type EpisodeLimits } from '../rollout/limits.ts';
import {
  type ChatGenerator,
  checkRejected,
  describeFaults,
  type RolloutOptions,
  type RolloutResult,
  rolloutStream,
} from '../rollout/rollout.ts';
import type { JsonObject } from '../util/json.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { maximum, mean, minimum, quantile, standardDeviation } from '../util/statistics.ts';
import type { VStarCache } from './cache.ts';
import type { VStarMode } from './estimator.ts';
import { vstarKey } from './key.ts';

/** Which tasks stage 2 leaves out: none; those without a success; those whose returns are all equal. */
export type PromptFilter = 'none' | 'all-fail' | 'all-equal';

export const promptFilters: readonly PromptFilter[] = ['none', 'all-fail', 'all-equal'];

export interface VStarOptions {
  /** N: returns per task. Default 8. */
  readonly samples?: number | undefined;
  /** β1. Default .5. */
  readonly beta?: number | undefined;
  /** Default 'soft'. */
  readonly mode?: VStarMode | undefined;
  /** Default 'none'. */
  readonly filter?: PromptFilter | undefined;
  /** When no sample succeeds and no two returns differ: stop with a diagnosis (default), or go on without anything to learn. */
  readonly whenAllFail?: 'stop' | 'continue' | undefined;
}

/** A model whose weights have a name: what V* is measured under. */
export interface ReferenceGenerator extends ChatGenerator {
  /** Content hash of weights and tokenizer. */
  readonly hash: string;
  readonly tokenizer: { readonly hash: string };
}

export interface Stage1Options<T extends Task = Task> {
  readonly reference: ReferenceGenerator;
  readonly env: Environment<T>;
  /** Tasks and how many samples each needs; a task may occur once only. */
  readonly tasks: readonly { readonly task: T; readonly samples: number }[];
  readonly rollout: RolloutOptions;
  readonly vstar: VStarCache;
  readonly filter: PromptFilter;
  /** Default 'stop'. */
  readonly whenAllFail?: 'stop' | 'continue' | undefined;
  readonly beta: number;
  readonly mode: VStarMode;
  readonly signal?: AbortSignal | undefined;
}

export interface Stage1Progress {
  /** Samples stored, those of earlier runs included, of all that are needed. */
  readonly done: number;
  readonly total: number;
  readonly cached: number;
  readonly rejected: number;
  readonly successes: number;
}

export interface Stage1Result<T extends Task = Task> {
  /** V* of every task that stage 2 may use, by task id, in the order of the tasks given. */
  readonly vstar: ReadonlyMap<string, number>;
  readonly kept: readonly T[];
  /** Tasks left out per reason; 'missing' had rejected samples. */
  readonly dropped: Readonly<Record<PromptFilter | 'missing', number>>;
  readonly sampled: number;
  readonly rejected: number;
  /** What went wrong, most frequent first. */
  readonly faults: readonly string[];
  /** What is wrong with the returns as a whole, and what to do about it. */
  readonly advice: readonly string[];
  /** vstar/* */
  readonly metrics: Readonly<Record<string, number>>;
}

const names: OptionNames<Stage1Options> = {
  ...{ reference: true, env: true, tasks: true, rollout: true, vstar: true },
  ...{ filter: true, whenAllFail: true, beta: true, mode: true, signal: true },
};

/** The key under which a task's reference returns are stored. */
export function keyOf(task: Task, env: Environment, reference: ReferenceGenerator, limits: EpisodeLimits): string {
  const { sampling } = limits;
  const greedy = sampling.greedy ?? false;
  return vstarKey({
    task: task.id,
    environment: { id: env.id, version: env.version, config: env.config },
    prompt: { chat: reference.chat.version, system: limits.system ?? null },
    tokenizer: reference.tokenizer.hash,
    reference: reference.hash,
    sampling: {
      maxTokens: sampling.maxTokens,
      temperature: sampling.temperature ?? 1,
      topP: sampling.topP ?? 1,
      topK: sampling.topK ?? 0,
      minP: sampling.minP ?? 0,
      greedy,
    } satisfies JsonObject,
    limits: {
      maxTurns: limits.maxTurns ?? defaultMaxTurns,
      maxContext: Math.min(limits.maxContext ?? reference.maxPositions, reference.maxPositions),
      turnTokenLimit: limits.turnTokenLimit ?? 'continue',
    } satisfies JsonObject,
    reward: 'return',
  });
}

/**
 * Stage 1 of A*-PO: draws from the reference what the store lacks, as concurrent episodes, and stores each sample as soon as it is
 * finished, so that stopping at any moment loses only the episodes under way. A sample's seed comes from the store. Rejected
 * samples are counted and never stored.
 *
 * Throws ASTARPO_NO_SIGNAL when no sample of any task succeeded and all returns are equal (unless `whenAllFail` says to go on), or when the filter leaves nothing;
 * ASTARPO_REJECTED when more than half of the episodes were rejected; ASTARPO_ABORTED; ASTARPO_IO.
 */
export async function* stage1<T extends Task>(options: Stage1Options<T>): AsyncGenerator<Stage1Progress, Stage1Result<T>, undefined> {
  refuseUnknownOptions('stage1', options, names);
  const { reference, env, tasks, vstar, rollout } = options;
  const keys = tasks.map(({ task }) => keyOf(task, env, reference, rollout));
  const jobs: { task: T; sample: number; seed: bigint; key: string }[] = [];
  let total = 0;
  let successes = 0;
  for (const [i, { task, samples }] of tasks.entries()) {
    const key = keys[i] as string;
    for (const sample of vstar.request(key, samples)) jobs.push({ task, sample, seed: vstar.sampleSeed(key, sample), key });
    for (const stored of vstar.get(key)) if (stored.index < samples && stored.success) successes++;
    total += samples;
  }
  const cached = total - jobs.length;
  let sampled = 0;
  const rejected: RolloutResult<T>[] = [];
  const results: RolloutResult<T>[] = [];
  yield { done: cached, total, cached, rejected: 0, successes };
  for await (const result of rolloutStream(reference, env, jobs, { ...rollout, signal: options.signal ?? rollout.signal })) {
    results.push({ ...result, trajectory: result.trajectory === undefined ? undefined : { ...result.trajectory, contexts: [] } });
    const { trajectory } = result;
    if (trajectory === undefined) rejected.push(result);
    else {
      const { key, sample, seed } = jobs[result.index] as (typeof jobs)[number];
      const { success, agentTurns: turns, sampledTokens: tokens, finish, rewards } = trajectory;
      const paid = { return: trajectory.return, ...(rewards.score === undefined ? {} : { score: rewards.score }) };
      vstar.add({ key, index: sample, ...paid, success, turns, tokens, finish, seed, time: new Date().toISOString() });
      sampled++;
      if (success) successes++;
    }
    yield { done: cached + sampled, total, cached, rejected: rejected.length, successes };
  }
  await vstar.sync();
  checkRejected(results, 'stage 1');
  return { ...summarise(options, keys), sampled, rejected: rejected.length, faults: describeFaults(results) };
}

function summarise<T extends Task>(
  options: Stage1Options<T>,
  keys: readonly string[],
): Pick<Stage1Result<T>, 'vstar' | 'kept' | 'dropped' | 'advice' | 'metrics'> {
  const { tasks, vstar: store, beta, mode, filter } = options;
  const vstar = new Map<string, number>();
  const kept: T[] = [];
  const dropped = { none: 0, 'all-fail': 0, 'all-equal': 0, missing: 0 };
  const values: number[] = [];
  const errors: number[] = [];
  const returns: number[] = [];
  let successes = 0;
  for (const [i, { task, samples }] of tasks.entries()) {
    const key = keys[i] as string;
    const estimate = store.vstar(key, { beta, mode, n: samples });
    if (estimate === undefined) {
      dropped.missing++;
      continue;
    }
    const first = store.get(key).filter((sample) => sample.index < samples);
    const own = first.map((sample) => sample.return);
    const wins = first.filter((sample) => sample.success).length;
    successes += wins;
    returns.push(...own);
    values.push(estimate.value);
    errors.push(estimate.standardError);
    if (filter === 'all-fail' && wins === 0) dropped['all-fail']++;
    else if (filter === 'all-equal' && maximum(own) - minimum(own) < 1e-9) dropped['all-equal']++;
    else {
      vstar.set(task.id, estimate.value);
      kept.push(task);
    }
  }
  const advice: string[] = [];
  if (returns.length > 0 && successes === 0 && maximum(returns) - minimum(returns) < 1e-9) {
    const diagnosis = `all ${returns.length} reference episodes of ${values.length} tasks failed with the return ${returns[0]}`;
    const remedy =
      'the optimum relative to this reference cannot solve what the reference never solves: draw more samples per task, choose easier ' +
      'tasks, pay partial credit, warm-start the model by imitation, or use a stronger one';
    if (options.whenAllFail !== 'continue') {
      throw new AStarPOError('ASTARPO_NO_SIGNAL', `expected stage 1 to find something to learn from, but ${diagnosis}`, {
        hint: `${remedy} (whenAllFail: 'continue' goes on regardless)`,
      });
    }
    advice.push(`${diagnosis}: ${remedy}`);
  }
  if (kept.length === 0) {
    throw new AStarPOError('ASTARPO_NO_SIGNAL', `expected stage 1 to keep some of ${tasks.length} tasks, but none is left`, {
      hint: `left out: ${Object.entries(dropped)
        .filter(([, count]) => count > 0)
        .map(([reason, count]) => `${count} ${reason}`)
        .join(', ')}; choose filter 'none', other tasks, or more samples`,
    });
  }
  const { hits, misses, topUps } = store.counters;
  return {
    vstar,
    kept,
    dropped,
    advice,
    metrics: {
      'vstar/mean': mean(values),
      'vstar/std': standardDeviation(values, 'population'),
      'vstar/min': minimum(values),
      'vstar/max': maximum(values),
      'vstar/median': quantile(values, 0.5),
      'vstar/stderr': mean(errors),
      'vstar/n_samples': returns.length,
      'vstar/filtered': tasks.length - kept.length,
      'vstar/cache_hit_rate': hits / Math.max(1, hits + misses + topUps),
      'vstar/reference_return': mean(returns),
      'vstar/reference_success': successes / returns.length,
    },
  };
}
