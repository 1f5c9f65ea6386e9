import { cpus } from 'node:os';
import { basename } from 'node:path';
import type { Environment } from '../env/environment.ts';
import type { ModelCard } from '../model/model-card.ts';
import type { Policy } from '../model/policy.ts';
import type { EvaluationRecord } from './evaluation-record.ts';
import type { TrainerSettings } from './trainer-options.ts';

/** What the card of a run's model says after `step` steps; `evaluations`: those of the run up to here. */
export function trainingCard(settings: TrainerSettings, step: number, evaluations: readonly EvaluationRecord[]): ModelCard {
  const { policy, train, evaluate, objective, vstarOptions, runFolder } = settings;
  const { batchSize, learningRate, lrSchedule, warmupSteps, gradClip, weightDecay, seed, rollout } = settings;
  const { temperature = 1, maxTokens } = rollout.sampling;
  return {
    title: runFolder === undefined ? undefined : basename(runFolder),
    objective: `${objective.name} ${JSON.stringify(objective.options ?? {})}`,
    steps: step,
    data: `${train.env.id} ${train.env.version}${paidAs(train.env)}, split ${train.split}, ${train.limit} tasks, ${step * batchSize} rollouts`,
    hardware: describeHardware(policy),
    settings: {
      ...{ batchSize, learningRate, lrSchedule, warmupSteps, gradClip, weightDecay, seed: seed.toString() },
      ...{
        temperature,
        maxTokens,
        'V* samples per task': vstarOptions.samples,
        'V* mode': vstarOptions.mode,
        'V* beta': vstarOptions.beta,
      },
    },
    results: evaluate === undefined ? undefined : resultsOf(evaluate, evaluations),
    tags: ['reinforcement-learning'],
  };
}

/** `AMD EPYC 7B13, 8 threads`, or the CUDA device. */
export function describeHardware(policy: Policy): string {
  return policy.device === 'cpu' ? `${cpus()[0]?.model.trim() ?? 'CPU'}, ${policy.threads} threads` : policy.device;
}

/** A return means nothing without how it was paid. */
function paidAs({ scoring }: Environment): string {
  return scoring === undefined ? '' : `, paid as ${scoring}`;
}

/** The first and the last evaluation: where it began and where it is. */
function resultsOf({ env, split }: { env: Environment; split: string }, evaluations: readonly EvaluationRecord[]): Record<string, string> {
  const [first, last] = [evaluations[0], evaluations.at(-1)];
  const shown = first === last ? [last] : [first, last];
  return Object.fromEntries(
    shown.flatMap((record) => {
      if (record === undefined) return [];
      const { success, interval, episodes, score, rewards = {} } = record.result;
      const percent = (share: number) => (share * 100).toFixed(1);
      const raw = rewards.score === undefined || rewards.score === score ? '' : `, mean score ${rewards.score.toFixed(3)}`;
      const text = `${percent(success)} % of ${episodes} tasks [${percent(interval.lo)}, ${percent(interval.hi)}]${raw}, mean return ${score.toFixed(3)}${paidAs(env)}`;
      return [[`success on ${split} ${record.step === 0 ? 'before training' : `after step ${record.step}`}`, text]];
    }),
  );
}
