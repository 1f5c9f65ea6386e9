/*
 * One optimizer step: reference, forward, weights, backward, AdamW. Left out here and done by the caller: sampling, V*, what to
 * do about a step that was skipped.
 */

import { type PackedBatch, packBatch } from '../model/packed-batch.ts';
import type { Pass } from '../model/pass.ts';
import type { Policy, StepOptions } from '../model/policy.ts';
import type { ReferenceModel } from '../model/reference-model.ts';
import type { ReferenceRows } from '../model/reference-rows.ts';
import { sumRows } from '../objective/loss.ts';
import type { BatchItem, Objective, PassView, Prepared } from '../objective/objective.ts';
import { k3 } from '../objective/regulariser.ts';
import { throwIfAborted } from '../rollout/timeout.ts';
import type { Trajectory } from '../rollout/trajectory.ts';
import { deriveSeed } from '../util/rng.ts';
import { type MicroBatch, planMicroBatches } from './batch-plan.ts';

export interface UpdateOptions {
  readonly policy: Policy;
  readonly reference: ReferenceModel;
  readonly objective: Objective;
  /** The batch. Those without a sampled token take no part. */
  readonly trajectories: readonly Trajectory[];
  /** V* by task id; may lack tasks only if the objective needs none. */
  readonly vstar: ReadonlyMap<string, number>;
  /** Tokens of one pass at most (one trajectory at least). */
  readonly microBatchTokens: number;
  readonly optimizer: StepOptions;
  /** Of this step's dropout, where the policy's adapter has any; each micro-batch gets one of its own from it. */
  readonly dropoutSeed?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface UpdateResult {
  /** Why the optimizer did not step, if so: nothing to learn from, or a loss or gradient that is not finite. */
  readonly skipped: 'no_signal' | 'non_finite' | undefined;
  readonly metrics: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** A micro-batch, packed once: reference and policy read the same bytes in the same cut, so equal weights give equal bits. */
interface Micro {
  readonly plan: MicroBatch;
  readonly batch: PackedBatch;
  /** Row ranges of its trajectories: [count + 1]. */
  readonly offsets: Int32Array;
  /** Log-probs when sampled, per row. */
  readonly sampled: Float32Array;
}

/**
 * Takes one step of the objective on a batch. Statistics over the batch come from `objective.prepare` before the cut into
 * micro-batches, so the cut changes the result by rounding only. Gradients of half a batch are never applied: on any error and on
 * abort they are discarded. Throws ASTARPO_ABORTED, ASTARPO_VSTAR_MISSING, and what the model throws.
 */
export async function updatePolicy(options: UpdateOptions): Promise<UpdateResult> {
  const { policy, reference, objective, signal } = options;
  const call = signal === undefined ? {} : { signal };
  const trajectories = options.trajectories.filter((trajectory) => trajectory.sampledTokens > 0);
  const micros = pack(trajectories, options.microBatchTokens);
  const rows: ReferenceRows[] = [];
  let pass: Pass | undefined;
  let done = false;
  try {
    const started = performance.now();
    const scores: Float32Array[] = [];
    for (const micro of objective.needs.reference === 'none' ? [] : micros) {
      throwIfAborted(signal);
      if (objective.needs.reference === 'rows') rows.push(await reference.rows(micro.batch, call));
      scores.push(rows.at(-1)?.logp ?? (await reference.score(micro.batch, call)));
    }
    const referenceSeconds = (performance.now() - started) / 1000;
    const prepared = objective.prepare({ items: describe(trajectories, micros, scores, options.vstar) });
    const warnings = [...(prepared.warnings ?? [])];
    const sums = new MetricSums();
    const finish = (skipped: UpdateResult['skipped'], own: Record<string, number>): UpdateResult => ({
      skipped,
      warnings,
      metrics: {
        ...prepared.metrics,
        ...sums.read(),
        'batch/no_signal': skipped === 'no_signal' ? 1 : 0,
        'batch/skipped_nan': skipped === 'non_finite' ? 1 : 0,
        'train/lr': options.optimizer.lr,
        'time/ref': referenceSeconds,
        'time/update': (performance.now() - started) / 1000 - referenceSeconds,
        ...own,
      },
    });
    if (prepared.skip !== undefined) {
      done = true;
      return finish(prepared.skip, {});
    }
    let loss = 0;
    for (const [i, micro] of micros.entries()) {
      throwIfAborted(signal);
      const kl = rows[i]?.slice(0, rows[i]?.logp.length ?? 0);
      const dropoutSeed = options.dropoutSeed === undefined ? undefined : deriveSeed(options.dropoutSeed, i);
      pass = await policy.forward(micro.batch, { kl, entropy: objective.needs.entropy === true, dropoutSeed, ...call });
      const view: PassView = { first: micro.plan.first, offsets: micro.offsets, logp: pass.logp, kl: pass.kl, entropy: pass.entropy };
      const weights = objective.weights(view, prepared);
      loss += weights.loss;
      sums.add(weights.metrics);
      sums.add(passMetrics(view, prepared, micro, scores[i]));
      if (!Number.isFinite(loss)) {
        warnings.push(describeNonFinite(view, micro, trajectories));
        return finish('non_finite', { 'train/loss': loss });
      }
      const { logp, kl: klWeights, entropy } = weights;
      await policy.backward(pass, { logp, kl: klWeights, entropy }, call);
      pass = undefined;
    }
    throwIfAborted(signal);
    const outcome = await policy.step(options.optimizer);
    done = true;
    return finish(outcome.skipped ? 'non_finite' : undefined, { 'train/loss': loss, 'train/grad_norm': outcome.gradNorm });
  } finally {
    for (const one of rows) one.dispose();
    if (!done) {
      pass?.drop();
      await policy.discardGradients();
    }
  }
}

function pack(trajectories: readonly Trajectory[], budget: number): Micro[] {
  const tokens = trajectories.map((trajectory) => trajectory.contexts.reduce((total, context) => total + context.tokens.length, 0));
  return planMicroBatches(tokens, budget).map((plan) => {
    const members = trajectories.slice(plan.first, plan.first + plan.count);
    const contexts = members.flatMap((trajectory) => trajectory.contexts);
    const temperatures = members.flatMap((trajectory) => trajectory.contexts.map(() => trajectory.temperature));
    const offsets = new Int32Array(plan.count + 1);
    const sampled: number[] = [];
    for (const [i, trajectory] of members.entries()) {
      for (const { mask, logps } of trajectory.contexts) {
        for (const [t, bit] of mask.entries()) if (bit === 1) sampled.push(logps[t] as number);
      }
      offsets[i + 1] = sampled.length;
    }
    return { plan, batch: packBatch(contexts, temperatures), offsets, sampled: Float32Array.from(sampled) };
  });
}

function describe(
  trajectories: readonly Trajectory[],
  micros: readonly Micro[],
  scores: readonly Float32Array[],
  vstar: ReadonlyMap<string, number>,
): BatchItem[] {
  return micros.flatMap((micro, m) =>
    Array.from({ length: micro.plan.count }, (_, i) => {
      const trajectory = trajectories[micro.plan.first + i] as Trajectory;
      const [begin, end] = [micro.offsets[i] as number, micro.offsets[i + 1] as number];
      const score = scores[m];
      return {
        taskId: trajectory.taskId,
        return: trajectory.return,
        vstar: vstar.get(trajectory.taskId),
        rows: end - begin,
        sampledLogp: sumRows(micro.sampled, begin, end),
        referenceLogp: score === undefined ? undefined : sumRows(score, begin, end),
      };
    }),
  );
}

/** kl/ref (k3), logratio/* (nats per token), sampler_train_logprob_gap: the same for every objective. */
function passMetrics(view: PassView, prepared: Prepared, micro: Micro, reference: Float32Array | undefined): Record<string, number> {
  const rows = prepared.items.reduce((total, item) => total + item.rows, 0);
  let gap = 0;
  let kl = 0;
  for (const [row, logp] of view.logp.entries()) {
    gap += Math.abs(logp - (micro.sampled[row] as number)) / rows;
    if (reference !== undefined) kl += k3(logp, reference[row] as number) / rows;
  }
  const metrics: Record<string, number> = { sampler_train_logprob_gap: gap };
  if (reference === undefined) return metrics;
  let ratio = 0;
  let largest = 0;
  for (let i = 0; i < micro.plan.count; i++) {
    const [begin, end] = [micro.offsets[i] as number, micro.offsets[i + 1] as number];
    const perToken = (sumRows(view.logp, begin, end) - sumRows(reference, begin, end)) / (end - begin);
    ratio += perToken / prepared.items.length;
    largest = Math.max(largest, Math.abs(perToken));
  }
  return Object.assign(metrics, { 'kl/ref': kl, 'logratio/mean': ratio, 'logratio/absmax': largest });
}

/** Adds up micro-batches by the rules of RowWeights.metrics. */
class MetricSums {
  readonly #values: Record<string, number> = {};

  add(metrics: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(metrics)) {
      const before = this.#values[name];
      this.#values[name] = before === undefined ? value : name.endsWith('absmax') ? Math.max(before, value) : before + value;
    }
  }

  read(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.#values).map(([name, value]) => [name, name.endsWith('_rms') ? Math.sqrt(value) : value]),
    );
  }
}

function describeNonFinite(view: PassView, micro: Micro, trajectories: readonly Trajectory[]): string {
  const row = view.logp.findIndex((logp) => !Number.isFinite(logp));
  if (row === -1) return 'the loss is not finite though all log-probs are: check the returns, V* and the weights of the objective';
  const member = micro.offsets.findIndex((offset, i) => row >= offset && row < (micro.offsets[i + 1] ?? 0));
  const task = trajectories[micro.plan.first + member]?.taskId;
  const positions = [...micro.batch.mask.keys()].filter((t) => micro.batch.mask[t] === 1);
  const token = micro.batch.tokens[positions[row] ?? 0];
  return `token ${token} of task ${task} has log-prob ${view.logp[row]} (it was sampled with ${micro.sampled[row]})`;
}
