import type { Command } from 'commander';
import { z } from 'zod';
import { type VStarConfig, vstarSchema } from '../config.ts';
import { percent } from '../log/console.ts';
import { formatSeconds, ProgressLine, secondsLeft } from '../log/progress.ts';
import { ReferenceModel } from '../model/reference-model.ts';
import { mean, standardDeviation } from '../util/statistics.ts';
import { VStarCache } from '../vstar/cache.ts';
import { type VStarMode, vstarModes } from '../vstar/estimator.ts';
import { type Stage1Progress, stage1 } from '../vstar/stage1.ts';
import { interruptible } from './interrupt.ts';
import { loadOptions, openEnvironment, rolloutOptions } from './open.ts';
import { addCommand } from './options.ts';
import { reportTitles } from './titles-option.ts';

const inspectSchema = z.strictObject({
  file: z.string().describe('file of stored returns'),
  samples: z.int().min(1).optional().describe('use only the first so many returns of each task (default: all)'),
  beta1: z.number().gt(0).default(0.5).describe('temperature of the soft maximum over returns'),
});

export function vstarCommand(parent: Command): void {
  const command = addCommand(parent, 'vstar', 'stage 1 alone: sample the reference and store its returns', vstarSchema, (config) =>
    interruptible('Every finished sample is stored; the same command draws the rest.', (signal) => runStage1(config, signal)),
  );
  addCommand(command, 'inspect', 'what a file of stored returns holds', inspectSchema, inspect, { positional: 'file' });
}

async function runStage1(config: VStarConfig, signal: AbortSignal): Promise<void> {
  const env = await openEnvironment(config);
  const list = env.tasks(config.split);
  const tasks = Array.from({ length: Math.min(config.tasks, list.length) }, (_, index) => ({
    task: list.at(index),
    samples: config.samples,
  }));
  const reference = await ReferenceModel.load(config.model, loadOptions(config));
  const line = new ProgressLine();
  let vstar: VStarCache | undefined;
  try {
    vstar = await VStarCache.open(config.out, { seed: BigInt(config.seed) });
    const { beta1: beta, vstarMode: mode, filter, whenAllFail } = config;
    const started = Date.now();
    const run = stage1({ reference, env, tasks, rollout: rolloutOptions(config), vstar, filter, beta, mode, whenAllFail, signal });
    for (let next = await run.next(); ; next = await run.next()) {
      if (next.done === true) {
        const { kept, sampled, metrics, advice } = next.value;
        for (const one of advice) line.print(`warning  ${one}`);
        const paid = env.scoring === undefined ? '' : `, paid as ${env.scoring}`;
        const figures = `mean ${metrics['vstar/mean']?.toFixed(3)}, reference success ${percent(metrics['vstar/reference_success'] ?? Number.NaN)}`;
        line.finish(
          `stage 1  ${sampled} new samples in ${formatSeconds((Date.now() - started) / 1000)}; V* of ${kept.length} tasks: ${figures}${paid}; ${config.out}`,
        );
        reportTitles(env);
        return;
      }
      line.update(describeStage1(next.value, (Date.now() - started) / 1000));
    }
  } finally {
    line.clear();
    await vstar?.close();
    await reference.dispose();
  }
}

function describeStage1({ done, total, cached, successes }: Stage1Progress, seconds: number): string {
  const left = secondsLeft(done - cached, total - cached, seconds);
  const pace = left === undefined ? '' : ` · ${formatSeconds(left)} left`;
  return `stage 1  ${done}/${total} samples · success ${percent(done === 0 ? 0 : successes / done)}${pace}`;
}

async function inspect(config: z.output<typeof inspectSchema>): Promise<void> {
  const cache = await VStarCache.open(config.file, { readOnly: true });
  process.stdout.write(describeStore(cache, config));
}

/** Counts, V* in every mode, and how often the reference solved how many tasks. */
export function describeStore(cache: VStarCache, options: { samples?: number | undefined; beta1: number }): string {
  const keys = cache.keys();
  const wins = new Map<string, number>();
  const values = new Map<VStarMode, number[]>(vstarModes.map((mode) => [mode, []]));
  for (const key of keys) {
    const stored = cache.get(key);
    const used = stored.slice(0, options.samples);
    const solved = used.filter((sample) => sample.success).length;
    const share = `${solved}/${used.length}`;
    wins.set(share, (wins.get(share) ?? 0) + 1);
    for (const mode of vstarModes) {
      const estimate = cache.vstar(key, { beta: options.beta1, mode, n: used.length });
      if (estimate !== undefined) values.get(mode)?.push(estimate.value);
    }
  }
  const lines = [`${cache.path}: ${keys.length} tasks, ${cache.size} samples, store seed ${cache.seed}, ${cache.damaged} damaged lines`];
  for (const [mode, list] of values) {
    if (list.length > 0)
      lines.push(
        `V* ${mode.padEnd(5)} mean ${mean(list).toFixed(4)}, standard deviation ${standardDeviation(list, 'population').toFixed(4)}`,
      );
  }
  const byShare = [...wins].sort(([a], [b]) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  for (const [share, count] of byShare) lines.push(`solved ${share.padStart(5)}  ${String(count).padStart(6)} tasks`);
  return `${lines.join('\n')}\n`;
}
