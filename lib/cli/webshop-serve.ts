import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { createShopApp } from '../env/webshop/serve/app.ts';
import { isLoopback } from '../env/webshop/serve/guard.ts';
import { Recording } from '../env/webshop/serve/recording.ts';
import { openServer } from '../env/webshop/serve/server.ts';
import { splitSchemes } from '../env/webshop/splits.ts';
import { AStarPOError } from '../errors.ts';
import { Tokenizer } from '../model/tokenizer.ts';
import { inspectTrajectory } from '../report/inspection.ts';
import type { Trajectory } from '../rollout/trajectory.ts';
import { describeFailure } from './failure.ts';
import { interruptible } from './interrupt.ts';
import { openEnvironment } from './open.ts';
import { addCommand } from './options.ts';

const serveSchema = z.strictObject({
  data: z.string().optional().describe('folder of a catalogue (default: a synthetic shop)'),
  shopSeed: z.int().min(0).default(0).describe('seed of the synthetic shop'),
  humanGoals: z.boolean().optional().describe('people’s instructions as goals; needs --data'),
  splits: z.enum(splitSchemes).optional().describe('how the goals of --data are divided (default: paper)'),
  split: z.string().optional().describe('split of goals that is shown first (default: the first that has goals)'),
  trajectories: z.array(z.string()).default([]).describe('files of trajectories to replay'),
  model: z.string().optional().describe('folder of the model that sampled them, for their tokens; only its tokenizer is read'),
  port: z.int().min(0).max(65535).optional().describe('port, 0 for any (default: the first free one from 3000 on)'),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; others than the loopback’s let other machines in'),
});

export function webshopServeCommand(group: Command): void {
  addCommand(group, 'serve', 'open the shop in a browser: play any goal, replay trajectories', serveSchema, serve);
}

async function serve(config: z.output<typeof serveSchema>): Promise<void> {
  const { split, trajectories, model, port, host } = config;
  const env = await openEnvironment(config);
  const first = split ?? env.splits.find((name) => env.tasks(name).length > 0) ?? 'all';
  if (env.tasks(first).length === 0) {
    throw new AStarPOError('ASTARPO_TASKS', `expected goals in split ${first}, got none`, {
      hint: `the splits are ${env.splits.join(', ')}`,
    });
  }
  const inspect = model === undefined ? undefined : await inspector(model);
  const recordings: Recording[] = [];
  for (const path of trajectories) recordings.push(await Recording.open(path));
  const onError = (error: unknown) => process.stderr.write(`${describeFailure(error)}\n`);
  const server = await openServer(createShopApp({ env, split: first, recordings, inspect, host, onError }), { host, port });
  await interruptible('The shop closes.', async (signal) => {
    if (!isLoopback(host)) {
      process.stderr.write(
        `${pc.yellow('Warning:')} ${host} is not the loopback: every machine that reaches this one can use the shop and read the recordings.\n`,
      );
    }
    process.stdout.write(`WebShop with ${env.shop.products.length.toLocaleString('en')} products: ${pc.bold(server.url)}\n`);
    process.stdout.write('Ctrl-C ends it.\n');
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await server.close();
  });
}

async function inspector(model: string): Promise<(trajectory: Trajectory) => ReturnType<typeof inspectTrajectory>> {
  if (!existsSync(join(model, 'tokenizer.json'))) {
    throw new AStarPOError('ASTARPO_IO', `expected the folder of a model with a tokenizer.json, got ${model}`, {
      hint: 'a checkpoint of a whole model has one in its folder model',
    });
  }
  const tokenizer = await Tokenizer.load(model);
  return (trajectory) => inspectTrajectory(trajectory, tokenizer);
}
