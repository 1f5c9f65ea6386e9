/*
 * A*-PO, both stages. Left out here: how episodes are played (rollout/), what the loss is (objective/), how a step is taken
 * (update.ts), what is durable and how (run-folder.ts, checkpoint.ts). One rollout batch gives one optimizer step, so the data
 * is on-policy; the official code takes two steps per batch, the second slightly off-policy.
 */
import type { Task } from '../env/environment.ts';
import { AStarPOError, isAStarPOError } from '../errors.ts';
import { checkRejected, describeFaults, type RolloutJob, rollout } from '../rollout/rollout.ts';
import { throwIfAborted } from '../rollout/timeout.ts';
import type { Trajectory } from '../rollout/trajectory.ts';
import type { JsonObject } from '../util/json.ts';
import { deriveSeed } from '../util/rng.ts';
import { adaptiveSamples } from '../vstar/estimator.ts';
import { type Stage1Result, stage1 } from '../vstar/stage1.ts';
import { rolloutMetrics } from './batch-metrics.ts';
import { pruneCheckpoints, restoreCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { evaluate } from './evaluate.ts';
import type { CheckpointEvent, EvalEvent, Stage1DoneEvent, Stage1ProgressEvent, StepEvent, TrainEvent, WarningEvent } from './events.ts';
import { learningRateAt } from './learning-rate.ts';
import { type FileLengths, hashConfig, RunFolder, readEvaluations } from './run-folder.ts';
import { TaskSampler } from './task-sampler.ts';
import { adapterOf } from './trained-state.ts';
import { describeSettings, resolveOptions, type TrainerOptions, type TrainerSettings } from './trainer-options.ts';
import { trainingCard } from './training-card.ts';
import { type UpdateResult, updatePolicy } from './update.ts';

/** Skipped steps in a row, something not being finite, after which a run stops. */
const maxNonFinite = 3;

/** Where a run stands. */
interface RunState {
  readonly folder: RunFolder | undefined;
  readonly configHash: string;
  /** Whether policy and reference started from the same weights: their log-ratio is then 0 at the first step. */
  readonly sameStart: boolean;
  readonly told: Set<string>;
  readonly started: number;
  /** Optimizer steps done. */
  step: number;
  /** Step of the last evaluation and of the last checkpoint; -1 and 0: none. */
  evaluated: number;
  saved: number;
  best: { step: number; success: number } | undefined;
  nonFinite: number;
  /** Lengths of the files when the last thing was finished; lines after them belong to work that was broken off. */
  lengths: FileLengths;
}

export class AStarPOTrainer<T extends Task = Task, E extends Task = Task> {
  readonly settings: TrainerSettings<T, E>;
  readonly #visits: readonly number[];

  /** Throws ASTARPO_UNKNOWN_OPTION, ASTARPO_OPTION, ASTARPO_TASKS before anything starts. */
  constructor(options: TrainerOptions<T, E>) {
    this.settings = resolveOptions(options);
    const { train, seed, steps, batchSize } = this.settings;
    this.#visits = new TaskSampler(train.tasks.length, seed, train.limit).visits(steps * batchSize);
  }

  /**
   * Stage 1, an evaluation, stage 2 with evaluations and checkpoints, a last evaluation. With a run folder, the same call goes on
   * where an earlier one stopped, whatever stopped it; after a finished run it begins anew in the next numbered folder.
   *
   * Throws ASTARPO_ABORTED (after a checkpoint of the last whole step), ASTARPO_RUN_FOLDER, ASTARPO_CHECKPOINT, ASTARPO_VSTAR,
   * ASTARPO_NO_SIGNAL, ASTARPO_REJECTED, ASTARPO_NON_FINITE, ASTARPO_IO, and what the model throws.
   */
  async *run(options: { signal?: AbortSignal } = {}): AsyncGenerator<TrainEvent, void, undefined> {
    const signal = this.#signal(options.signal);
    const { steps, batchSize, objective, vstarOptions } = this.settings;
    const run = await this.#begin();
    try {
      const { folder, configHash } = run;
      yield {
        type: 'run.start',
        folder: folder?.path,
        resumed: folder?.resumed === true,
        step: run.step,
        steps,
        objective: objective.name,
        configHash,
      };
      yield* this.#warnings(run, this.#advice());
      const found = yield* this.#measure(run, signal);
      const visits = keptVisits(this.#visits, found, (index) => this.settings.train.tasks.at(index).id);

      while (true) {
        if (this.#evaluationIsDue(run)) yield await this.#evaluate(run, signal);
        if (this.#checkpointIsDue(run)) yield await this.#checkpoint(run);
        if (run.step === steps) break;
        throwIfAborted(signal);

        const step = run.step + 1;
        const begun = performance.now();
        const results = await rollout(this.settings.policy, this.settings.train.env, this.#jobs(visits, step), {
          ...this.settings.rollout,
          signal,
        });
        checkRejected(results, `step ${step}`);
        const trajectories = results.flatMap((result) => result.trajectory ?? []);
        const seconds = (performance.now() - begun) / 1000;
        const tokens = trajectories.reduce((total, trajectory) => total + trajectory.sampledTokens, 0);
        const successes = trajectories.filter((trajectory) => trajectory.success).length;
        const rejected = results.length - trajectories.length;
        folder?.appendTrajectories(step, trajectories.slice(0, this.settings.trajectoriesPerStep));
        yield { type: 'rollout.done', step, episodes: results.length, rejected, successes, tokens, seconds };
        yield* this.#warnings(run, describeFaults(results.filter((result) => result.trajectory === undefined)));

        const update = await this.#update(step, trajectories, found, signal);
        const event: StepEvent = {
          type: 'step',
          ...{ step, steps, skipped: update.skipped },
          metrics: {
            ...rolloutMetrics(results),
            ...update.metrics,
            ...(vstarOptions.mode === 'soft' ? { 'astar/beta1': vstarOptions.beta } : {}),
            'time/rollout': seconds,
            'throughput/sampled_tokens': tokens / seconds,
            'throughput/episodes': batchSize / seconds,
            'mem/peak': this.settings.policy.peakMemory,
          },
        };
        folder?.appendStep(event);
        this.#finishStep(run, update);
        yield event;
        yield* this.#warnings(run, [...update.warnings, ...adviceOnStep(event, this.settings.microBatchTokens)]);
        this.#checkUpdate(run, update);
      }
      await folder?.finish();
      yield { type: 'done', step: run.step, folder: folder?.path, best: run.best, seconds: (performance.now() - run.started) / 1000 };
    } catch (error) {
      // An interrupted run should not have to repeat steps that are whole.
      if (isAStarPOError(error, 'ASTARPO_ABORTED') && run.folder !== undefined && run.step > run.saved) await this.#checkpoint(run);
      throw error;
    } finally {
      await run.folder?.close();
    }
  }

  /** Stage 1 alone, over the tasks that the steps of `run` visit. Throws as `run` does; needs no run folder. */
  async *stage1(options: { signal?: AbortSignal } = {}): AsyncGenerator<Stage1ProgressEvent | Stage1DoneEvent, void, undefined> {
    yield* this.#stage1(this.#signal(options.signal));
  }

  /** Fires with the signal of a call and with that of the rollout options. */
  #signal(given: AbortSignal | undefined): AbortSignal | undefined {
    const own = this.settings.rollout.signal;
    return given === undefined || own === undefined ? (given ?? own) : AbortSignal.any([given, own]);
  }

  /** Opens the run folder and puts the policy where the run stopped. */
  async #begin(): Promise<RunState> {
    const { policy, reference, vstar, runFolder } = this.settings;
    const config = describeSettings(this.settings);
    const start = await policy.contentHash();
    const adapter = await adapterOf(policy);
    const folder =
      runFolder === undefined
        ? undefined
        : await RunFolder.open(runFolder, config, {
            policy: start,
            reference: reference.hash,
            adapter,
            threads: policy.threads,
            saveReference: (path) => reference.saveBeside(policy, path),
          });
    const run: RunState = {
      folder,
      configHash: folder?.manifest.configHash ?? hashConfig(config),
      sameStart: start === reference.hash,
      told: new Set(),
      started: performance.now(),
      ...{ step: 0, evaluated: -1, saved: 0, best: undefined, nonFinite: 0 },
      lengths: folder?.lengths ?? { metrics: 0, eval: 0, trajectories: 0 },
    };
    if (folder === undefined) return run;
    try {
      const { checkpoint, before } = folder;
      if (before !== undefined) {
        run.evaluated = 0;
        run.best = { step: 0, success: before.result.success };
      }
      if (checkpoint === undefined) return run;
      const { state } = checkpoint;
      if (!(await vstar.hasPrefix(state.vstar)) && vstar.damaged === 0) {
        throw new AStarPOError(
          'ASTARPO_VSTAR',
          `expected ${vstar.path} to begin with the samples that the run in ${folder.path} has used, got others`,
          {
            hint: 'give the run the V* store that it began with, or start anew in another run folder',
          },
        );
      }
      await restoreCheckpoint(checkpoint, policy);
      run.step = state.step;
      run.saved = state.step;
      run.evaluated = state.evaluated;
      run.best = state.best ?? undefined;
      run.nonFinite = state.nonFinite;
      return run;
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  /** Stage 1 as part of a run. */
  async *#measure(run: RunState, signal: AbortSignal | undefined): AsyncGenerator<TrainEvent, Stage1Result<T>, undefined> {
    const { vstar } = this.settings;
    if (vstar.damaged > 0) {
      yield* this.#warnings(run, [`${vstar.damaged} damaged lines of ${vstar.path} were left out; their samples are drawn again`]);
    }
    const found = yield* this.#stage1(signal);
    yield* this.#warnings(run, [...found.faults, ...found.advice]);
    const { dropped, metrics, kept } = found;
    await run.folder?.writeStage1({
      tasks: this.#visited().length,
      kept: kept.length,
      dropped,
      metrics,
      store: { ...vstar.prefix() },
    } as JsonObject);
    return found;
  }

  async *#stage1(signal: AbortSignal | undefined): AsyncGenerator<Stage1ProgressEvent | Stage1DoneEvent, Stage1Result<T>, undefined> {
    const { reference, train, vstar, vstarOptions, batchSize } = this.settings;
    const { samples, schedule, filter, beta, mode, whenAllFail } = vstarOptions;
    const begun = performance.now();
    const elapsed = () => (performance.now() - begun) / 1000;
    const tasks = this.#visited().map(({ index, visit }) => ({
      task: train.tasks.at(index),
      samples: schedule === 'adaptive' ? adaptiveSamples(samples, Math.floor(visit / batchSize)) : samples,
    }));
    const { env } = train;
    const sampling = stage1({ reference, env, tasks, vstar, filter, beta, mode, whenAllFail, rollout: this.settings.rollout, signal });
    let next = await sampling.next();
    for (; next.done !== true; next = await sampling.next()) yield { type: 'stage1.progress', ...next.value, seconds: elapsed() };
    const { kept, dropped, sampled, rejected, metrics } = next.value;
    yield { type: 'stage1.done', tasks: tasks.length, kept: kept.length, dropped, sampled, rejected, metrics, seconds: elapsed() };
    return next.value;
  }

  /** Tasks that the run meets, each with its first visit, in the order of the visits. */
  #visited(): { index: number; visit: number }[] {
    const first = new Map<number, number>();
    for (const [visit, index] of this.#visits.entries()) if (!first.has(index)) first.set(index, visit);
    return [...first].map(([index, visit]) => ({ index, visit }));
  }

  /** The episodes of a step; a task that the step visits twice gets other seeds the second time. */
  #jobs(visits: readonly number[], step: number): RolloutJob<T>[] {
    const { train, batchSize, objective, seed } = this.settings;
    const samples = new Map<number, number>();
    return visits.slice((step - 1) * batchSize, step * batchSize).flatMap((index) =>
      Array.from({ length: objective.needs.samplesPerTask }, () => {
        const task = train.tasks.at(index);
        const sample = samples.get(index) ?? 0;
        samples.set(index, sample + 1);
        return { task, sample, seed: deriveSeed(seed, 'rollout', step, task.id, sample) };
      }),
    );
  }

  #update(
    step: number,
    trajectories: readonly Trajectory[],
    found: Stage1Result<T>,
    signal: AbortSignal | undefined,
  ): Promise<UpdateResult> {
    const { policy, reference, objective, microBatchTokens, gradClip, weightDecay, steps, learningRate, lrSchedule, warmupSteps, seed } =
      this.settings;
    const lr = learningRateAt(step, { peak: learningRate, steps, schedule: lrSchedule, warmupSteps });
    const optimizer = { lr, clip: gradClip, weightDecay };
    const dropoutSeed = deriveSeed(seed, 'dropout', step);
    return updatePolicy({
      policy,
      reference,
      objective,
      trajectories,
      vstar: found.vstar,
      microBatchTokens,
      optimizer,
      dropoutSeed,
      signal,
    });
  }

  #finishStep(run: RunState, update: UpdateResult): void {
    run.step++;
    run.nonFinite = update.skipped === 'non_finite' ? run.nonFinite + 1 : 0;
    if (run.folder !== undefined) run.lengths = run.folder.lengths;
  }

  /** Throws when the run must not go on. */
  #checkUpdate(run: RunState, update: UpdateResult): void {
    if (run.nonFinite >= maxNonFinite) {
      throw new AStarPOError(
        'ASTARPO_NON_FINITE',
        `losses or gradients were not finite in ${run.nonFinite} steps in a row; ${update.warnings.join('; ')}`,
        {
          hint: 'lower the learning rate; the last checkpoint and the trajectories of these steps are in the run folder',
        },
      );
    }
    const ratio = update.metrics['logratio/absmax'];
    if (run.step === 1 && run.sameStart && ratio !== undefined && ratio > 1e-2) {
      throw new AStarPOError('ASTARPO_INTERNAL', `expected log-ratios of 0 before the first step, got up to ${ratio} nats per token`, {
        hint: 'policy and reference score the same weights differently; please report this with the model and the device',
      });
    }
  }

  #evaluationIsDue(run: RunState): boolean {
    const { evaluate: settings, steps } = this.settings;
    if (settings === undefined || run.evaluated === run.step) return false;
    return run.step === 0 || run.step === steps || (settings.every > 0 && run.step % settings.every === 0);
  }

  async #evaluate(run: RunState, signal: AbortSignal | undefined): Promise<EvalEvent> {
    const { evaluate: settings, policy, rollout: limits, seed, steps } = this.settings;
    if (settings === undefined) throw new AStarPOError('ASTARPO_INTERNAL', 'expected an evaluation to be configured');
    const { env, split, tasks, episodes, sampling } = settings;
    const result = await evaluate(policy, env, tasks, { split, episodes, seed, rollout: { ...limits, sampling }, signal });
    const when = run.step === 0 ? 'before' : run.step === steps ? 'final' : 'during';
    const event: EvalEvent = { type: 'eval', step: run.step, when, result };
    run.evaluated = run.step;
    // Ties go to the earlier one, which is closer to the reference.
    if (run.best === undefined || result.success > run.best.success) run.best = { step: run.step, success: result.success };
    if (run.folder !== undefined) {
      run.folder.appendEvaluation(event);
      run.lengths = run.folder.lengths;
    }
    return event;
  }

  #checkpointIsDue(run: RunState): boolean {
    const { checkpointEvery, steps } = this.settings;
    if (run.folder === undefined || run.saved === run.step) return false;
    return run.step % checkpointEvery === 0 || run.step === steps || run.best?.step === run.step;
  }

  async #checkpoint(run: RunState): Promise<CheckpointEvent> {
    const { policy, vstar, seed, keepCheckpoints } = this.settings;
    const { folder, configHash, step, evaluated, best, nonFinite, lengths } = run;
    if (folder === undefined) throw new AStarPOError('ASTARPO_INTERNAL', 'expected a run folder to write a checkpoint to');
    await Promise.all([folder.sync(), vstar.sync()]);
    const state = {
      step,
      configHash,
      seed: seed.toString(),
      evaluated,
      best: best ?? null,
      nonFinite,
      vstar: vstar.prefix(),
      files: lengths,
    };
    const card = trainingCard(this.settings, step, await readEvaluations(folder.path));
    const saved = await saveCheckpoint(folder.path, policy, state, card);
    run.saved = step;
    await pruneCheckpoints(folder.path, keepCheckpoints, best?.step);
    return { type: 'checkpoint', step, folder: saved.folder, best: best?.step === step };
  }

  /** Each text once per run. */
  *#warnings(run: RunState, messages: readonly string[]): Generator<WarningEvent, void, undefined> {
    for (const message of messages) {
      if (run.told.has(message)) continue;
      run.told.add(message);
      yield { type: 'warning', step: run.step, message };
    }
  }

  /** What to know before a run starts. */
  #advice(): string[] {
    const { sampling } = this.settings.rollout;
    const truncated = (sampling.topP ?? 1) < 1 || (sampling.topK ?? 0) > 0 || (sampling.minP ?? 0) > 0;
    const advice: string[] = [...(this.settings.policy.chat.advice ?? [])];
    if (truncated)
      advice.push(
        'topP, topK and minP make the sampled distribution differ from the scored one, which biases log-ratios; leave them off for training',
      );
    if ((this.settings.policy.lora?.dropout ?? 0) > 0)
      advice.push(
        'the dropout of the adapter makes training score other log-probs than those that were sampled, which adds noise to log-ratios; 0 is usual here',
      );
    if (sampling.greedy === true) advice.push('greedy rollouts explore nothing; use temperature 1 for training');
    return advice;
  }
}

/** The visits whose tasks stage 1 kept, from the start again where too few are left. */
function keptVisits(visits: readonly number[], found: Stage1Result, idOf: (index: number) => string): readonly number[] {
  const kept = visits.filter((index) => found.vstar.has(idOf(index)));
  if (kept.length === visits.length) return visits;
  return visits.map((_, position) => kept[position % kept.length] as number);
}

/** What a step's figures should make the user look at. */
function adviceOnStep({ metrics }: StepEvent, microBatchTokens: number): string[] {
  const advice: string[] = [];
  if ((metrics.sampler_train_logprob_gap ?? 0) > 0.1) {
    advice.push('sampled and re-scored log-probs differ by more than .1 nats per token: check temperature and dtype');
  }
  if ((metrics['logratio/absmax'] ?? 0) > 5) {
    advice.push(
      'a log-ratio to the reference is above 5 nats per token: the policy is far from the reference; lower the learning rate or raise beta2',
    );
  }
  if ((metrics['tokens/episode_max'] ?? 0) > microBatchTokens) {
    advice.push(
      `an episode had more tokens than microBatchTokens (${microBatchTokens}); all of it takes part in one pass, which then needs more memory than planned: see tokens/episode_max`,
    );
  }
  return advice;
}
