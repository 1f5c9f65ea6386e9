import type { Command } from 'commander';
import { type ModelPullConfig, modelPullSchema } from '../config.ts';
import { pullModel } from '../model/hub/resolve-model.ts';
import { defined } from '../util/defined.ts';
import { interruptible } from './interrupt.ts';
import { addCommand } from './options.ts';

export function pullCommand(group: Command): void {
  const about = 'bring a model of the hub into its cache and print its folder';
  const run = (config: ModelPullConfig) =>
    interruptible('What has arrived stays; the same command continues there.', async (signal) => {
      const { model, revision, offline, cache: cacheFolder } = config;
      const { folder, hub } = await pullModel(model, defined({ revision, offline, cacheFolder, signal }));
      process.stderr.write(`${hub.id}, revision ${hub.revision}: commit ${hub.commit}\n`);
      process.stdout.write(`${folder}\n`);
    });
  addCommand(group, 'pull', about, modelPullSchema, run, { positional: 'model' });
}
