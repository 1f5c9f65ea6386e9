import type { Command } from 'commander';
import pc from 'picocolors';
import { type DemoConfig, demoSchema } from '../config.ts';
import { runDemo } from '../demo/demo.ts';
import { fullDemo, quickDemo } from '../demo/settings.ts';
import { summaryTable, writeCurves } from '../demo/summary.ts';
import { ProgressLine } from '../log/progress.ts';
import { interruptible } from './interrupt.ts';
import { addCommand } from './options.ts';

export function demoCommand(parent: Command): void {
  addCommand(parent, 'demo', 'train an agent to shop, from random weights, in a few minutes', demoSchema, (config) =>
    interruptible('The same command continues where this run stops.', (signal) => demo(config, signal)),
  );
}

async function demo(config: DemoConfig, signal: AbortSignal): Promise<void> {
  const settings = config.quick ? quickDemo : fullDemo;
  const base = config.out ?? `runs/demo${config.quick ? '-quick' : ''}-s${config.seed}`;
  const line = new ProgressLine();
  try {
    const setupSeconds = Number(process.env.ASTARPO_SETUP_SECONDS ?? 0);
    const { seed, threads } = config;
    const { folder, result } = await runDemo({ seed, settings, folder: base, threads, setupSeconds, signal, line });
    line.clear();
    const curves = await writeCurves(folder, result, settings);
    const more = `npx astar-po eval --model ${folder}/model --shop-seed ${config.seed} --episodes 400 --show 2`;
    const where = [`curves   ${curves}`, `run      ${folder}`, `look on  ${more}`];
    process.stdout.write(`\n${pc.bold(summaryTable(result))}\n\n${where.join('\n')}\n`);
  } finally {
    line.clear();
  }
}
