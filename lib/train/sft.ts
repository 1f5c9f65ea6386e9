import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { packBatch } from '../model/packed-batch.ts';
import type { Policy } from '../model/policy.ts';
import { throwIfAborted } from '../rollout/timeout.ts';
import type { Trajectory } from '../rollout/trajectory.ts';
import { syncFolder, syncTree } from '../util/atomic-file.ts';
import { type JsonObject, jsonDifferences } from '../util/json.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { deriveSeed, Rng } from '../util/rng.ts';
import { planMicroBatches } from './batch-plan.ts';
import { learningRateAt } from './learning-rate.ts';
import { adapterOf, loadTrained, saveTrained } from './trained-state.ts';

export interface SupervisedOptions {
  /** Optimizer steps; give this or `epochs`. */
  readonly steps?: number;
  /** Passes over the trajectories; default 1 where `steps` is not given. */
  readonly epochs?: number;
  /** Trajectories per step; default 32. */
  readonly batchSize?: number;
  /** Peak learning rate; default 1e-3. */
  readonly learningRate?: number;
  /** 'cosine' (default) falls to 0 after the last step, following a linear rise over the first twentieth; 'constant' stays. */
  readonly schedule?: 'cosine' | 'constant';
  /** Largest global gradient norm; default 1, 0 is off. */
  readonly clip?: number;
  /** Decoupled weight decay; default 0. */
  readonly weightDecay?: number;
  /** Decay of AdamW's mean of squares; default 0.999. Lower values follow quick changes in short runs from random weights. */
  readonly beta2?: number;
  /** Tokens of one forward and backward pass at most (one trajectory at least); default 16,384. */
  readonly microBatchTokens?: number;
  /** Decides the order of the trajectories; default 1n. */
  readonly seed?: bigint;
  readonly signal?: AbortSignal;
  /**
   * Where to keep the state of an unfinished run: a later call with the same folder, weights, trajectories and options continues
   * it. The state of the last step is kept too; remove the folder once its result is saved.
   */
  readonly checkpoint?: { readonly folder: string; readonly every: number };
  readonly onProgress?: (progress: SupervisedProgress) => void;
}

const names: OptionNames<SupervisedOptions> = {
  ...{ steps: true, epochs: true, batchSize: true, learningRate: true, schedule: true, clip: true, weightDecay: true, beta2: true },
  ...{ microBatchTokens: true, seed: true, signal: true, checkpoint: true, onProgress: true },
};

export interface SupervisedProgress {
  /** Steps done, from 1. */
  readonly step: number;
  readonly steps: number;
  /** Mean cross-entropy of a sampled token, in nats. */
  readonly loss: number;
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Tokens that the loss counts in this step. */
  readonly tokens: number;
  /** Since this call began. */
  readonly seconds: number;
  readonly secondsLeft: number;
}

export interface SupervisedResult {
  readonly steps: number;
  /** Steps that an earlier, unfinished call had done. */
  readonly resumedFrom: number;
  /** Loss of the last step, in nats per token; undefined if no step was left to do. */
  readonly loss: number | undefined;
  readonly seconds: number;
}

/**
 * Imitation: minimises the cross-entropy of the trajectories' agent tokens (mask 1), averaged over all such tokens of an optimizer
 * step, so that the cut into micro-batches does not change the result. Temperature is 1.
 *
 * Throws ASTARPO_NO_SIGNAL without trajectories or agent tokens, ASTARPO_NON_FINITE when a step is not finite, and
 * ASTARPO_ABORTED when the signal fires: gradients are dropped, and the finished steps are kept if `checkpoint` is given.
 * Throws ASTARPO_RUN_FOLDER when the state in `checkpoint.folder` belongs to other weights, trajectories or options; ASTARPO_UNKNOWN_OPTION.
 */
export async function supervisedFineTune(
  policy: Policy,
  trajectories: readonly Trajectory[],
  options: SupervisedOptions = {},
): Promise<SupervisedResult> {
  refuseUnknownOptions('supervisedFineTune', options, names);
  const usable = trajectories.filter((trajectory) => agentTokens(trajectory) > 0);
  if (usable.length === 0) {
    throw new AStarPOError('ASTARPO_NO_SIGNAL', `expected trajectories with agent tokens, got ${trajectories.length} without any`, {
      hint: 'check that the file or the shopper gives finished episodes',
    });
  }
  const batchSize = Math.min(options.batchSize ?? 32, usable.length);
  const steps = options.steps ?? Math.max(1, Math.floor(((options.epochs ?? 1) * usable.length) / batchSize));
  const peak = options.learningRate ?? 1e-3;
  const schedule = options.schedule ?? 'cosine';
  const warmupSteps = schedule === 'cosine' ? Math.round(steps / 20) : 0;
  const { clip = 1, weightDecay = 0, beta2 = 0.999, microBatchTokens = 16_384, seed = 1n, checkpoint, signal } = options;
  const order = new BatchOrder(usable.length, seed);
  const started = performance.now();
  const plan: JsonObject = { steps, batchSize, learningRate: peak, schedule, clip, weightDecay, beta2, microBatchTokens, seed: `${seed}` };
  const kept =
    checkpoint === undefined
      ? undefined
      : new KeptState(checkpoint.folder, { ...plan, ...(await weightsOf(policy)), trajectories: hashOf(usable) });
  const first = (await kept?.restore(policy)) ?? 0;
  order.skip(first * batchSize);
  let loss: number | undefined;

  for (let step = first; step < steps; step++) {
    const batch = order.take(batchSize).map((index) => usable[index] as Trajectory);
    const tokens = batch.reduce((sum, trajectory) => sum + agentTokens(trajectory), 0);
    try {
      loss = await accumulate(policy, batch, tokens, { microBatchTokens, dropoutSeed: deriveSeed(seed, 'sft-dropout', step), signal });
    } catch (error) {
      await policy.discardGradients();
      if (signal?.aborted === true) await kept?.write(policy, step);
      throw error;
    }
    if (!Number.isFinite(loss)) {
      await policy.discardGradients();
      throw nonFinite(step, `the loss is ${loss}`);
    }
    const learningRate = learningRateAt(step + 1, { peak, steps, schedule, warmupSteps });
    const result = await policy.step({ lr: learningRate, clip, weightDecay, beta2 });
    if (result.skipped) throw nonFinite(step, `the gradient norm is ${result.gradNorm}`);
    const seconds = (performance.now() - started) / 1000;
    const done = step + 1;
    const secondsLeft = ((steps - done) / (done - first)) * seconds;
    options.onProgress?.({ step: done, steps, loss, gradNorm: result.gradNorm, learningRate, tokens, seconds, secondsLeft });
    if (checkpoint !== undefined && (done % checkpoint.every === 0 || done === steps)) await kept?.write(policy, done);
  }
  return { steps, resumedFrom: first, loss, seconds: (performance.now() - started) / 1000 };
}

/** What the run starts from. */
async function weightsOf(policy: Policy): Promise<JsonObject> {
  const adapter = await adapterOf(policy);
  return { weights: await policy.contentHash(), ...(adapter === undefined ? {} : { adapter }) };
}

function nonFinite(step: number, what: string): AStarPOError {
  return new AStarPOError('ASTARPO_NON_FINITE', `${what} at step ${step + 1}`, { hint: 'lower the learning rate' });
}

/** One optimizer step's gradients; returns the mean loss. */
async function accumulate(
  policy: Policy,
  batch: readonly Trajectory[],
  tokens: number,
  settings: { microBatchTokens: number; dropoutSeed: bigint; signal: AbortSignal | undefined },
): Promise<number> {
  const { microBatchTokens, signal } = settings;
  let total = 0;
  for (const [micro, { first, count }] of planMicroBatches(batch.map(contextTokens), microBatchTokens).entries()) {
    throwIfAborted(signal);
    const contexts = batch.slice(first, first + count).flatMap((trajectory) => trajectory.contexts);
    const dropoutSeed = deriveSeed(settings.dropoutSeed, micro);
    const pass = await policy.forward(packBatch(contexts, 1), { dropoutSeed, signal });
    for (const logp of pass.logp) total -= logp;
    await policy.backward(pass, { logp: new Float64Array(pass.logp.length).fill(-1 / tokens) }, { signal });
  }
  return total / tokens;
}

function contextTokens(trajectory: Trajectory): number {
  return trajectory.contexts.reduce((sum, context) => sum + context.tokens.length, 0);
}

function agentTokens(trajectory: Trajectory): number {
  let count = 0;
  for (const context of trajectory.contexts) for (const bit of context.mask) count += bit;
  return count;
}

/** Every index once per epoch, each epoch in its own order: the order depends on the seed and the position alone. */
class BatchOrder {
  readonly #length: number;
  readonly #seed: bigint;
  #position = 0;
  #epoch = -1;
  #indices: number[] = [];

  constructor(length: number, seed: bigint) {
    this.#length = length;
    this.#seed = seed;
  }

  skip(count: number): void {
    this.#position += count;
  }

  take(count: number): number[] {
    return Array.from({ length: count }, () => this.#next());
  }

  #next(): number {
    const epoch = Math.floor(this.#position / this.#length);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#indices = new Rng(deriveSeed(this.#seed, 'sft-order', epoch)).shuffle(
        Array.from({ length: this.#length }, (_, index) => index),
      );
    }
    const index = this.#indices[this.#position % this.#length] as number;
    this.#position++;
    return index;
  }
}

/** What is imitated: ids and masks, in order. */
function hashOf(trajectories: readonly Trajectory[]): string {
  const hash = createHash('sha256');
  for (const { tokens, mask } of trajectories.flatMap(({ contexts }) => contexts))
    hash.update(`${tokens.length} `).update(tokens).update(mask);
  return hash.digest('hex');
}

/** Weights or adapter, optimizer state and step count of an unfinished run, and what it was started with. */
class KeptState {
  readonly #folder: string;
  readonly #config: JsonObject;

  constructor(folder: string, config: JsonObject) {
    this.#folder = folder;
    this.#config = config;
  }

  /** Writes a new state beside the last one, then swaps: a stop at any moment leaves one of both. */
  async write(policy: Policy, step: number): Promise<void> {
    const [fresh, old] = [`${this.#folder}.tmp`, this.#old];
    const parent = dirname(this.#folder);
    await mkdir(parent, { recursive: true });
    await rm(fresh, { recursive: true, force: true });
    await saveTrained(policy, fresh, false);
    await writeFile(join(fresh, 'state.json'), `${JSON.stringify({ step, config: this.#config }, null, 2)}\n`);
    await syncTree(fresh);
    await rm(old, { recursive: true, force: true });
    await rename(this.#folder, old).catch(ignoreMissing);
    await rename(fresh, this.#folder);
    await syncFolder(parent);
    await rm(old, { recursive: true, force: true });
  }

  /** Loads what is kept and returns its step; undefined when there is nothing. */
  async restore(policy: Policy): Promise<number | undefined> {
    for (const place of [this.#folder, this.#old]) {
      const text = await readFile(join(place, 'state.json'), 'utf8').catch(ignoreMissing);
      if (text === undefined) continue;
      const { step, config } = JSON.parse(text) as { step: number; config?: JsonObject };
      const differences = jsonDifferences(config, this.#config);
      if (differences.length > 0) {
        throw new AStarPOError('ASTARPO_RUN_FOLDER', `${place} holds an unfinished run of something else: ${differences.join('; ')}`, {
          hint: 'finish it with its own options, or remove that folder to start anew',
        });
      }
      await loadTrained(policy, place);
      return step;
    }
    return undefined;
  }

  get #old(): string {
    return `${this.#folder}.old`;
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
