import type { Command } from 'commander';
import { envCheckSchema, envPlaySchema } from '../config.ts';
import { runEnvCheck } from './env-check.ts';
import { runEnvPlay } from './env-play.ts';
import { addCommand } from './options.ts';

export function envCommand(parent: Command): void {
  const group = parent.command('env').description('environments without a model: test one, play one');
  addCommand(group, 'check', 'test an environment: scripted and random players, best purchases, determinism', envCheckSchema, runEnvCheck);
  addCommand(group, 'play', 'play a goal in the terminal', envPlaySchema, (config) => runEnvPlay(config));
}
