import { join } from 'node:path';
import type { Command } from 'commander';
import { type TrainConfig, trainSchema } from '../config.ts';
import { AStarPOError } from '../errors.ts';
import { ConsoleSink } from '../log/console.ts';
import { drain, type Sink } from '../log/sink.ts';
import { TensorBoardSink } from '../log/tensorboard.ts';
import { Policy } from '../model/policy.ts';
import { ReferenceModel } from '../model/reference-model.ts';
import { AStarPOTrainer } from '../train/trainer.ts';
import { defined } from '../util/defined.ts';
import { deriveSeed } from '../util/rng.ts';
import { VStarCache } from '../vstar/cache.ts';
import { interruptible } from './interrupt.ts';
import { loadOptions, loraOptions, openEnvironment, rolloutOptions } from './open.ts';
import { addCommand } from './options.ts';
import { reportTitles } from './titles-option.ts';

export function trainCommand(parent: Command): void {
  addCommand(parent, 'train', 'stage 1 and stage 2 of A*-PO on a model', trainSchema, (config) =>
    interruptible('Stored samples and the last checkpoint stay; the same command continues there.', (signal) =>
      runTraining(config, signal),
    ),
  );
}

async function runTraining(config: TrainConfig, signal: AbortSignal): Promise<void> {
  const objectiveOptions = optionsOfObjective(config);
  const runFolder = config.out ?? join('runs', config.name);
  const env = await openEnvironment(config);
  const lora = loraOptions(config, config.seed);
  const policy = await Policy.load(config.model, defined({ ...loadOptions(config), lora }));
  let reference: ReferenceModel | undefined;
  let vstar: VStarCache | undefined;
  try {
    reference = await ReferenceModel.of(policy);
    vstar = await VStarCache.open(config.vstar ?? join(runFolder, 'vstar.jsonl'), { seed: deriveSeed(config.seed, 'vstar') });
    const { evalEpisodes: episodes, evalEvery: every, evalSplit: split } = config;
    const trainer = new AStarPOTrainer({
      ...{ policy, reference, vstar, runFolder, objectiveOptions },
      train: { env, split: config.split },
      evaluate: episodes === 0 ? undefined : { env, split, episodes, every },
      objective: config.objective,
      vstarOptions: {
        samples: config.samples,
        beta: config.beta1,
        mode: config.vstarMode,
        filter: config.filter,
        whenAllFail: config.whenAllFail,
      },
      steps: config.steps,
      batchSize: config.batch,
      learningRate: config.learningRate,
      lrSchedule: config.lrSchedule,
      gradClip: config.gradClip,
      weightDecay: config.weightDecay,
      microBatchTokens: config.microBatchTokens,
      checkpointEvery: config.checkpointEvery,
      seed: deriveSeed(config.seed, 'train'),
      rollout: rolloutOptions(config),
    });
    const sinks: Sink[] = [new ConsoleSink()];
    if (config.tensorboard) sinks.push(new TensorBoardSink());
    await drain(trainer.run({ signal }), sinks);
    reportTitles(env);
  } finally {
    await vstar?.close();
    await reference?.dispose();
    await policy.dispose();
  }
}

/** An option that the chosen objective does not have must not be ignored. */
function optionsOfObjective({ objective, beta2, klCoefficient }: TrainConfig): object {
  const refuse = (flag: string, owner: string) =>
    new AStarPOError('ASTARPO_OPTION', `${flag} belongs to ${owner}, not to ${objective}`, {
      hint: `leave it out or use --objective ${owner}`,
    });
  if (objective === 'astar-po' && klCoefficient !== undefined) throw refuse('--kl-coefficient', 'astar-po-sft');
  if (objective === 'astar-po-sft' && beta2 !== undefined) throw refuse('--beta2', 'astar-po');
  return defined(objective === 'astar-po' ? { beta2 } : { klCoefficient });
}
