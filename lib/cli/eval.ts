import type { Command } from 'commander';
import { type EvalConfig, evalSchema } from '../config.ts';
import type { WebShopEnv } from '../env/webshop/webshop-env.ts';
import { describeEvaluation } from '../log/console.ts';
import { Policy } from '../model/policy.ts';
import { EpisodeAuditFile } from '../report/episode-audit.ts';
import { SummaryFile } from '../report/summary-file.ts';
import { auditResult } from '../report/trajectory-audit.ts';
import { renderTurns } from '../report/turns-text.ts';
import { type RolloutOptions, rolloutStream } from '../rollout/rollout.ts';
import { evaluate, evaluationSeed } from '../train/evaluate.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import { interruptible } from './interrupt.ts';
import { loadOptions, openEnvironment, rolloutOptions } from './open.ts';
import { addCommand } from './options.ts';
import { reportTitles } from './titles-option.ts';

export function evalCommand(parent: Command): void {
  addCommand(parent, 'eval', 'success of a model on fixed tasks, with its interval', evalSchema, (config) =>
    interruptible('The same command starts the evaluation again; what --audit has written stays.', (signal) => runEval(config, signal)),
  );
}

async function runEval(config: EvalConfig, signal: AbortSignal): Promise<void> {
  const env = await openEnvironment(config);
  const { split, model: player, seed, maxTurns } = config;
  let audit: EpisodeAuditFile | undefined;
  let summary: SummaryFile | undefined;
  let policy: Policy | undefined;
  try {
    // Before the model is loaded and hours are spent: a file of another kind is refused.
    if (config.audit !== undefined) audit = await EpisodeAuditFile.open(config.audit);
    if (config.csv !== undefined) summary = await SummaryFile.open(config.csv);
    policy = await Policy.load(config.model, loadOptions(config));
    const rollout = rolloutOptions(config);
    if (config.show > 0) await showEpisodes(policy, env, config, { ...rollout, signal });
    const result = await evaluate(policy, env, env.tasks(split), {
      ...{ split, episodes: config.episodes, seed: BigInt(seed), rollout, signal },
      onEpisode: (episode) => audit?.append(auditResult(env, episode, { player, split })),
    });
    process.stdout.write(`${describeEvaluation(result)}\n`);
    reportTitles(env);
    if (config.json !== undefined) await writeFileAtomic(config.json, `${JSON.stringify({ config, result }, null, 2)}\n`);
    summary?.append(result, { player, seed, temperature: config.greedy ? 0 : config.temperature, maxTurns });
  } finally {
    await policy?.dispose();
    await audit?.close();
    await summary?.close();
  }
}

/** Prints what is said in the first episodes, with the seeds that the evaluation uses. */
async function showEpisodes(policy: Policy, env: WebShopEnv, config: EvalConfig, rollout: RolloutOptions): Promise<void> {
  const tasks = env.tasks(config.split);
  const jobs = Array.from({ length: Math.min(config.show, tasks.length) }, (_, place) => {
    const task = tasks.at(place);
    return { task, sample: 0, seed: evaluationSeed(BigInt(config.seed), task.id, 0) };
  });
  for await (const { trajectory, fault } of rolloutStream(policy, env, jobs, rollout)) {
    if (trajectory === undefined) {
      process.stdout.write(`${fault?.error.message ?? 'no trajectory'}\n\n`);
      continue;
    }
    process.stdout.write(`${renderTurns(trajectory)}\n`);
  }
}
