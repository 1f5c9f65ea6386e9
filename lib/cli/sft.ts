import { rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { type SftConfig, sftSchema } from '../config.ts';
import { biasedShopper } from '../env/webshop/shoppers/biased-shopper.ts';
import { scriptedShopper } from '../env/webshop/shoppers/scripted-shopper.ts';
import { AStarPOError } from '../errors.ts';
import { describeProgress } from '../log/console.ts';
import { formatSeconds, ProgressLine } from '../log/progress.ts';
import type { ModelCard } from '../model/model-card.ts';
import { Policy } from '../model/policy.ts';
import { defaultConcurrency } from '../rollout/rollout-options.ts';
import { playAgent } from '../rollout/scripted.ts';
import type { Trajectory } from '../rollout/trajectory.ts';
import { readTrajectories } from '../rollout/trajectory-file.ts';
import { type SupervisedResult, supervisedFineTune } from '../train/sft.ts';
import { describeHardware } from '../train/training-card.ts';
import { defined } from '../util/defined.ts';
import { mapConcurrently } from '../util/map-concurrently.ts';
import { deriveSeed } from '../util/rng.ts';
import { interruptible } from './interrupt.ts';
import { loadOptions, loraOptions, openEnvironment } from './open.ts';
import { addCommand } from './options.ts';

export function sftCommand(parent: Command): void {
  addCommand(parent, 'sft', 'supervised warm start on a scripted shopper or saved trajectories', sftSchema, (config) =>
    interruptible('Nothing was written to the output folder; the same command continues at the last finished step.', (signal) =>
      runSft(config, signal),
    ),
  );
}

async function runSft(config: SftConfig, signal: AbortSignal): Promise<void> {
  const lora = loraOptions(config, config.seed);
  const policy = await Policy.load(config.model, defined({ ...loadOptions(config), lora }));
  const line = new ProgressLine();
  try {
    const trajectories =
      config.trajectories === undefined ? await playShopper(config, policy, line, signal) : await readAll(config.trajectories);
    checkVocabulary(trajectories, policy);
    const unfinished = `${config.out}.unfinished`;
    const result = await supervisedFineTune(policy, trajectories, {
      steps: config.steps,
      batchSize: config.batch,
      learningRate: config.learningRate,
      schedule: config.lrSchedule,
      clip: config.gradClip,
      microBatchTokens: config.microBatchTokens,
      seed: BigInt(config.seed),
      signal,
      checkpoint: { folder: unfinished, every: 100 },
      onProgress: (progress) => line.update(describeProgress('sft', progress)),
    });
    await policy.save(config.out, { format: config.save, card: sftCard(config, policy, trajectories.length, result) });
    await rm(unfinished, { recursive: true, force: true });
    line.finish(
      `sft      ${result.steps} steps on ${trajectories.length} trajectories in ${formatSeconds(result.seconds)}, loss ${result.loss?.toFixed(4) ?? 'unknown'} nats per token: ${config.out}`,
    );
  } finally {
    line.clear();
    await policy.dispose();
  }
}

/** How the model came about, for others. */
function sftCard(config: SftConfig, policy: Policy, trajectories: number, { steps, loss }: SupervisedResult): ModelCard {
  const { batch, learningRate, lrSchedule, gradClip, seed } = config;
  const shop = config.data === undefined ? `synthetic shop of seed ${config.shopSeed}` : 'product files of WebShop';
  const source =
    config.trajectories === undefined ? `${config.shopper} shopper, ${config.env}, ${shop}, split ${config.split}` : 'saved trajectories';
  return {
    objective: 'supervised fine-tuning: cross-entropy of the agent turns',
    steps,
    data: `${trajectories} trajectories: ${source}`,
    hardware: describeHardware(policy),
    settings: { batch, learningRate, lrSchedule, gradClip, seed },
    results: loss === undefined ? undefined : { 'last loss, nats per token': loss.toFixed(4) },
  };
}

async function playShopper(config: SftConfig, policy: Policy, line: ProgressLine, signal: AbortSignal): Promise<Trajectory[]> {
  const env = await openEnvironment(config);
  const tasks = env.tasks(config.split);
  const episodes = Array.from({ length: config.episodes }, (_, episode) => episode);
  let done = 0;
  const play = async (episode: number, stop: AbortSignal) => {
    const task = tasks.at(episode % tasks.length);
    const agent = config.shopper === 'biased' ? biasedShopper(env, task) : scriptedShopper(env, task);
    const seed = deriveSeed(config.seed, 'shopper', episode);
    const options = { seed, maxTurns: config.maxTurns, maxContext: policy.maxPositions, signal: stop };
    const trajectory = await playAgent(env, task, agent, policy.chat, options);
    line.update(`shopper  ${++done}/${config.episodes} episodes`);
    return trajectory;
  };
  const trajectories = await mapConcurrently(episodes, defaultConcurrency, play, signal);
  const solved = trajectories.filter((trajectory) => trajectory.success).length;
  line.finish(`shopper  ${config.episodes} episodes, ${solved} solved`);
  return trajectories;
}

async function readAll(file: string): Promise<Trajectory[]> {
  const trajectories: Trajectory[] = [];
  for await (const { trajectory } of readTrajectories(file)) trajectories.push(trajectory);
  return trajectories;
}

/** Saved ids mean nothing to a model with another tokenizer; ids outside its vocabulary are the sign that can be seen. */
function checkVocabulary(trajectories: readonly Trajectory[], policy: Policy): void {
  const size = policy.config.vocabSize;
  const bad = trajectories.findIndex(({ contexts }) => contexts.some(({ tokens }) => tokens.some((id) => id < 0 || id >= size)));
  if (bad < 0) return;
  throw new AStarPOError('ASTARPO_TOKEN_RANGE', `trajectory ${bad} has token ids outside the model's vocabulary of ${size}`, {
    hint: 'the trajectories were sampled with another tokenizer',
  });
}
