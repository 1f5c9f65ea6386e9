import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import pc from 'picocolors';
import { type WebShopServeConfig, webshopServeSchema } from '../config.ts';
import { AStarPOError } from '../errors.ts';
import { Tokenizer } from '../model/tokenizer.ts';
import { inspectTrajectory } from '../report/inspection.ts';
import type { Trajectory } from '../rollout/trajectory.ts';
import { createShopApp } from '../webshop/serve/app.ts';
import { isLoopback } from '../webshop/serve/guard.ts';
import { Recording } from '../webshop/serve/recording.ts';
import { openServer } from '../webshop/serve/server.ts';
import { describeFailure } from './failure.ts';
import { interruptible } from './interrupt.ts';
import { openEnvironment } from './open.ts';
import { addCommand } from './options.ts';

export function webshopServeCommand(group: Command): void {
  addCommand(group, 'serve', 'open the shop in a browser: play any goal, replay trajectories', webshopServeSchema, serve);
}

async function serve(config: WebShopServeConfig): Promise<void> {
  const { split, trajectories, model, port, host } = config;
  // What is quick to refuse comes first: a catalogue may take seconds.
  const inspect = model === undefined ? undefined : await inspector(model);
  const recordings: Recording[] = [];
  for (const path of trajectories) recordings.push(await Recording.open(path));
  const env = await openEnvironment(config);
  const first = split ?? env.splits.find((name) => env.tasks(name).length > 0) ?? 'all';
  if (env.tasks(first).length === 0) {
    throw new AStarPOError('ASTARPO_TASKS', `expected goals in split ${first}, got none`, {
      hint: `the splits are ${env.splits.join(', ')}`,
    });
  }
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
    await env.close();
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
