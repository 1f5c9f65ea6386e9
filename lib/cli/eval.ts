import type { Command } from 'commander';
import { type EvalConfig, evalSchema } from '../config.ts';
import type { WebShopEnv } from '../env/webshop/webshop-env.ts';
import { describeEvaluation } from '../log/console.ts';
import { Policy } from '../model/policy.ts';
import { renderTurns } from '../report/turns-text.ts';
import { type RolloutOptions, rolloutStream } from '../rollout/rollout.ts';
import { evaluate, evaluationSeed } from '../train/evaluate.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import { interruptible } from './interrupt.ts';
import { loadOptions, openEnvironment, rolloutOptions } from './open.ts';
import { addCommand } from './options.ts';

export function evalCommand(parent: Command): void {
  addCommand(parent, 'eval', 'success of a model on fixed tasks, with its interval', evalSchema, (config) =>
    interruptible('An evaluation keeps nothing: the same command starts it again.', (signal) => runEval(config, signal)),
  );
}

async function runEval(config: EvalConfig, signal: AbortSignal): Promise<void> {
  const env = await openEnvironment(config);
  const policy = await Policy.load(config.model, loadOptions(config));
  try {
    const rollout = rolloutOptions(config);
    if (config.show > 0) await showEpisodes(policy, env, config, { ...rollout, signal });
    const result = await evaluate(policy, env, env.tasks(config.split), {
      episodes: config.episodes,
      seed: BigInt(config.seed),
      rollout,
      signal,
    });
    process.stdout.write(`${describeEvaluation(result)}\n`);
    if (config.json !== undefined) await writeFileAtomic(config.json, `${JSON.stringify({ config, result }, null, 2)}\n`);
  } finally {
    await policy.dispose();
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
