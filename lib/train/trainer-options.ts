import type { Environment, Task, TaskList } from '../env/environment.ts';
import { AStarPOError } from '../errors.ts';
import type { SamplingOptions } from '../model/generator.ts';
import type { Policy } from '../model/policy.ts';
import type { ReferenceModel } from '../model/reference-model.ts';
import { refuseUnknownSampling } from '../model/sampling.ts';
import type { Objective } from '../objective/objective.ts';
import { checkRange, withDefaults } from '../objective/options.ts';
import { type AStarPOOptions, type AStarPOSftOptions, objectivePreset } from '../objective/presets.ts';
import { defaultMaxTurns } from '../rollout/limits.ts';
import { checkRolloutOptions, type RolloutOptions } from '../rollout/rollout-options.ts';
import type { JsonObject } from '../util/json.ts';
import { checkChoice, refuseUnknownOptions } from '../util/known-options.ts';
import type { VStarCache } from '../vstar/cache.ts';
import { vstarModes } from '../vstar/estimator.ts';
import { promptFilters, type VStarOptions } from '../vstar/stage1.ts';
import { type LearningRateSchedule, learningRateSchedules } from './learning-rate.ts';

export interface TrainerOptions<T extends Task = Task, E extends Task = Task> {
  readonly policy: Policy;
  /** What the policy is measured against; usually `await ReferenceModel.of(policy)`. */
  readonly reference: ReferenceModel;
  /** Where tasks come from; `limit`: use that many of the split only, chosen by the seed. */
  readonly train: { readonly env: Environment<T>; readonly split: string; readonly limit?: number | undefined };
  /** Held-out tasks: before the first step, every `every` steps (0: not in between; default 0), and after the last. */
  readonly evaluate?:
    | {
        readonly env: Environment<E>;
        readonly split: string;
        /** Tasks, from the start of the split. Default 100. */
        readonly episodes?: number | undefined;
        readonly every?: number | undefined;
        /** Default: the training's sampling, greedy. */
        readonly sampling?: SamplingOptions | undefined;
      }
    | undefined;
  /** The store of stage 1; the trainer adds to it and leaves it open. */
  readonly vstar: VStarCache;
  /** Default 'astar-po'. */
  readonly objective?: 'astar-po' | 'astar-po-sft' | Objective | undefined;
  /** Of a preset named by `objective`. */
  readonly objectiveOptions?: AStarPOOptions | AStarPOSftOptions | undefined;
  /** N = 8, β1 = .5, mode 'soft', filter 'none'; `schedule: 'adaptive'` draws fewer samples for tasks first met later. */
  readonly vstarOptions?: (VStarOptions & { readonly schedule?: 'fixed' | 'adaptive' | undefined }) | undefined;
  /** Optimizer steps. Default 100. */
  readonly steps?: number | undefined;
  /** Tasks per step. Default 32. */
  readonly batchSize?: number | undefined;
  /** Peak learning rate of AdamW. Default 1e-6. */
  readonly learningRate?: number | undefined;
  /** Default 'constant'. */
  readonly lrSchedule?: LearningRateSchedule | undefined;
  /** Steps over which the learning rate rises. Default 0. */
  readonly warmupSteps?: number | undefined;
  /** Largest global gradient norm; 0 is off. Default 1. */
  readonly gradClip?: number | undefined;
  /** Default 0. */
  readonly weightDecay?: number | undefined;
  /** Tokens of one forward and backward pass at most. Default 16,384. */
  readonly microBatchTokens?: number | undefined;
  /** Of everything random but stage 1, which has the store's. Default 0. */
  readonly seed?: bigint | undefined;
  /** Sampling and limits, the same for stage 1 and stage 2. Default: 64 tokens a turn, temperature 1, 15 turns. */
  readonly rollout?: RolloutOptions | undefined;
  /** Where everything durable goes; without it nothing is kept and nothing can be resumed. */
  readonly runFolder?: string | undefined;
  /** Steps between checkpoints. Default 20. */
  readonly checkpointEvery?: number | undefined;
  /** Checkpoints kept beside the best one. Default 2. */
  readonly keepCheckpoints?: number | undefined;
  /** Trajectories written per step. Default: all. */
  readonly trajectoriesPerStep?: number | undefined;
}

/** Options with every default filled in. */
export interface TrainerSettings<T extends Task = Task, E extends Task = Task> {
  readonly policy: Policy;
  readonly reference: ReferenceModel;
  readonly train: { readonly env: Environment<T>; readonly split: string; readonly tasks: TaskList<T>; readonly limit: number };
  readonly evaluate:
    | {
        readonly env: Environment<E>;
        readonly split: string;
        readonly tasks: TaskList<E>;
        readonly episodes: number;
        readonly every: number;
        readonly sampling: SamplingOptions;
      }
    | undefined;
  readonly vstar: VStarCache;
  readonly objective: Objective;
  readonly vstarOptions: Required<{ [K in keyof VStarOptions]: Exclude<VStarOptions[K], undefined> }> & {
    readonly schedule: 'fixed' | 'adaptive';
  };
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly lrSchedule: LearningRateSchedule;
  readonly warmupSteps: number;
  readonly gradClip: number;
  readonly weightDecay: number;
  readonly microBatchTokens: number;
  readonly seed: bigint;
  readonly rollout: RolloutOptions;
  readonly runFolder: string | undefined;
  readonly checkpointEvery: number;
  readonly keepCheckpoints: number;
  readonly trajectoriesPerStep: number;
}

const scalarDefaults = {
  steps: 100,
  batchSize: 32,
  learningRate: 1e-6,
  lrSchedule: 'constant' as LearningRateSchedule,
  warmupSteps: 0,
  gradClip: 1,
  weightDecay: 0,
  microBatchTokens: 16_384,
  seed: 0n,
  checkpointEvery: 20,
  keepCheckpoints: 2,
  trajectoriesPerStep: Number.POSITIVE_INFINITY,
};

/**
 * Fills in defaults and checks everything before anything starts. Throws ASTARPO_UNKNOWN_OPTION naming the nearest option,
 * ASTARPO_OPTION, ASTARPO_TASKS.
 */
export function resolveOptions<T extends Task, E extends Task>(options: TrainerOptions<T, E>): TrainerSettings<T, E> {
  const {
    policy,
    reference,
    train,
    evaluate,
    vstar,
    objective: named,
    objectiveOptions,
    vstarOptions,
    rollout: given,
    runFolder,
    ...scalars
  } = options;
  const chosen = withDefaults('the trainer', scalarDefaults, scalars);
  const whole: [string, number, number][] = [
    ['steps', chosen.steps, 1],
    ['batchSize', chosen.batchSize, 1],
    ['warmupSteps', chosen.warmupSteps, 0],
    ['microBatchTokens', chosen.microBatchTokens, 1],
    ['checkpointEvery', chosen.checkpointEvery, 1],
    ['keepCheckpoints', chosen.keepCheckpoints, 1],
  ];
  for (const [name, value, least] of whole) checkWhole(name, value, least);
  for (const name of ['learningRate', 'gradClip', 'weightDecay'] as const) checkRange(name, chosen[name], 0);
  checkChoice('lrSchedule', chosen.lrSchedule, learningRateSchedules);
  const objective = typeof named === 'object' ? named : objectivePreset(named ?? 'astar-po', objectiveOptions ?? {});
  if (typeof named === 'object' && objectiveOptions !== undefined) {
    throw new AStarPOError(
      'ASTARPO_OPTION',
      'expected objectiveOptions with the name of a preset only, got them beside an objective of your own',
    );
  }
  const v = withDefaults(
    'vstarOptions',
    { samples: 8, beta: 0.5, mode: 'soft' as const, filter: 'none' as const, schedule: 'fixed' as const, whenAllFail: 'stop' as const },
    (vstarOptions ?? {}) as object,
  );
  checkWhole('vstarOptions.samples', v.samples, 1);
  checkChoice('vstarOptions.mode', v.mode, vstarModes);
  checkChoice('vstarOptions.filter', v.filter, promptFilters);
  checkChoice('vstarOptions.whenAllFail', v.whenAllFail, ['stop', 'continue']);
  checkChoice('vstarOptions.schedule', v.schedule, ['fixed', 'adaptive']);
  if (v.mode === 'soft') checkRange('vstarOptions.beta', v.beta, Number.MIN_VALUE);
  const rollout: RolloutOptions = given ?? { sampling: { maxTokens: 64 } };
  checkRolloutOptions(rollout);
  refuseUnknownOptions('train', train, { env: true, split: true, limit: true });
  const tasks = train.env.tasks(train.split);
  if (tasks.length === 0) throw new AStarPOError('ASTARPO_TASKS', `expected tasks in the split ${train.split}, got none`);
  if (train.limit !== undefined) checkWhole('train.limit', train.limit, 1);
  return {
    policy,
    reference,
    train: { env: train.env, split: train.split, tasks, limit: Math.min(train.limit ?? tasks.length, tasks.length) },
    evaluate: evaluate === undefined ? undefined : resolveEvaluate(evaluate, rollout),
    vstar,
    objective,
    vstarOptions: v,
    ...chosen,
    rollout,
    runFolder,
  };
}

function resolveEvaluate<E extends Task>(
  evaluate: Exclude<TrainerOptions<Task, E>['evaluate'], undefined>,
  rollout: RolloutOptions,
): Exclude<TrainerSettings<Task, E>['evaluate'], undefined> {
  refuseUnknownOptions('evaluate', evaluate, { env: true, split: true, episodes: true, every: true, sampling: true });
  if (evaluate.sampling !== undefined) refuseUnknownSampling('evaluate.sampling', evaluate.sampling);
  const { env, split, episodes = 100, every = 0, sampling } = evaluate;
  checkWhole('evaluate.episodes', episodes, 1);
  checkWhole('evaluate.every', every, 0);
  const tasks = env.tasks(split);
  if (tasks.length === 0) throw new AStarPOError('ASTARPO_TASKS', `expected tasks in the split ${split}, got none`);
  return {
    env,
    split,
    tasks,
    episodes: Math.min(episodes, tasks.length),
    every,
    sampling: sampling ?? { ...rollout.sampling, greedy: true },
  };
}

/** Everything that decides the course of a run, as JSON; not what only decides speed, memory or how much is kept. */
export function describeSettings(settings: TrainerSettings): JsonObject {
  const { train, evaluate, objective, policy } = settings;
  const { whenAllFail: _whenAllFail, ...vstar } = settings.vstarOptions;
  const { concurrency: _concurrency, signal: _signal, ...limits } = settings.rollout;
  const environment = (env: Environment) => ({ id: env.id, version: env.version, config: env.config });
  return plain({
    objective: { name: objective.name, options: objective.options ?? {} },
    train: { ...environment(train.env), split: train.split, limit: train.limit },
    evaluate:
      evaluate === undefined
        ? null
        : {
            ...environment(evaluate.env),
            split: evaluate.split,
            episodes: evaluate.episodes,
            every: evaluate.every,
            sampling: evaluate.sampling,
          },
    vstar: { ...vstar, storeSeed: settings.vstar.seed.toString() },
    rollout: { ...limits, maxTurns: limits.maxTurns ?? defaultMaxTurns },
    steps: settings.steps,
    batchSize: settings.batchSize,
    learningRate: settings.learningRate,
    lrSchedule: settings.lrSchedule,
    warmupSteps: settings.warmupSteps,
    gradClip: settings.gradClip,
    weightDecay: settings.weightDecay,
    microBatchTokens: settings.microBatchTokens,
    seed: settings.seed.toString(),
    model: {
      ...{ device: policy.device, dtype: policy.dtype, reproducible: policy.reproducible, chat: policy.chat.version },
      lora: describeAdapter(policy),
    },
  });
}

/** The settings of the policy's adapter; undefined without one, so that such runs are described as they always were. */
function describeAdapter({ lora }: Policy): object | undefined {
  if (lora === undefined) return undefined;
  const { modules: _modules, parameters: _parameters, merged: _merged, ...settings } = lora;
  return settings;
}

/** As JSON would have it: without undefined values. */
function plain(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

function checkWhole(name: string, value: number, least: number): void {
  if (!(Number.isInteger(value) && value >= least)) {
    throw new AStarPOError('ASTARPO_OPTION', `expected ${name} to be a whole number of at least ${least}, got ${value}`);
  }
}
