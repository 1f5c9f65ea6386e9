import { randomInt } from 'node:crypto';
import pc from 'picocolors';
import type { EnvPlayConfig } from '../config.ts';
import { WebShopEnv, type WebShopTask } from '../env/webshop/webshop-env.ts';
import { AStarPOError } from '../errors.ts';
import { EpisodeAuditFile } from '../report/episode-audit.ts';
import { visibleText } from '../report/visible.ts';
import { Game } from '../webshop/play/game.ts';
import { environmentOptions } from './open.ts';
import { playInTerminal, type Terminal } from './play-terminal.ts';

/** Plays one goal; `terminal` stands in for the process' own in tests. Exit status 130 after Ctrl-C. */
export async function runEnvPlay(config: EnvPlayConfig, terminal: Terminal = process): Promise<void> {
  const { layout, pageBudget, split, goal, seed, audit } = config;
  // The style of few words tells pages in its own way.
  const { style = layout === undefined && pageBudget === undefined ? 'numbered' : 'plain' } = config;
  await using env = await WebShopEnv.open({ ...environmentOptions(config), style });
  const task = chooseTask(env, split, goal);
  const game = await Game.open(env, task, BigInt(seed));
  // What cannot be written should be known before an hour of shopping.
  const file = audit === undefined ? undefined : await EpisodeAuditFile.open(audit);
  try {
    const end = await playInTerminal(game, terminal);
    file?.append(game.audit('person'));
    if (audit !== undefined) terminal.stdout.write(`${pc.dim(`written to ${visibleText(audit)}`)}\n`);
    if (end === 'interrupted') process.exitCode = 130;
  } finally {
    await game.close();
    await file?.close();
  }
}

/** `random`, a place in the split, or the id of a task. Throws ASTARPO_TASKS. */
function chooseTask(env: WebShopEnv, split: string, goal: string): WebShopTask {
  const tasks = env.tasks(split);
  if (tasks.length === 0) {
    throw new AStarPOError('ASTARPO_TASKS', `expected goals in split ${split}, got none`, {
      hint: `the splits are ${env.splits.join(', ')}`,
    });
  }
  if (goal === 'random') return tasks.at(randomInt(tasks.length));
  const named = env.find(goal);
  if (named !== undefined) return named;
  if (/^\d{1,15}$/.test(goal)) return tasks.at(Number(goal));
  throw new AStarPOError(
    'ASTARPO_TASKS',
    `expected a goal as random, a place from 0 to ${tasks.length - 1} or the id of a task, got "${goal}"`,
    {
      hint: `the first goal of split ${split} is ${tasks.at(0).id}`,
    },
  );
}
