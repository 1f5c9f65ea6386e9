import type { EnvCheckConfig } from '../config.ts';
import { formatSeconds, ProgressLine, secondsLeft } from '../log/progress.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import { defined } from '../util/defined.ts';
import { type CheckProgress, type CheckStage, checkEnvironment } from '../webshop/check/check-environment.ts';
import { checkTable } from './env-check-table.ts';
import { interruptible } from './interrupt.ts';
import { environmentOptions } from './open.ts';

/** Exit status 1 where the check finds a fault. */
export function runEnvCheck(config: EnvCheckConfig): Promise<void> {
  return interruptible('A check keeps nothing: the same command starts it again.', async (signal) => {
    const { goals, split, seed, maxTurns, bestGoals: perfectGoals, budget, json } = config;
    const line = new ProgressLine();
    const onProgress = showProgress(line);
    const settings = defined({ goals, split, seed: BigInt(seed), maxTurns, perfectGoals, budget, signal, onProgress });
    const report = await checkEnvironment(environmentOptions(config), settings).finally(() => line.clear());
    if (json !== undefined) await writeFileAtomic(json, `${JSON.stringify({ config, report }, null, 2)}\n`);
    process.stdout.write(checkTable(report, config.data ?? `the synthetic shop of seed ${config.shopSeed}`));
    if (!report.passed) process.exitCode = 1;
  });
}

const stages: Readonly<Record<CheckStage, string>> = {
  open: 'opening the shop',
  scripted: 'scripted shopper',
  random: 'random player',
  perfect: 'best purchases',
  twice: 'all over again in a second environment',
};

function showProgress(line: ProgressLine): (progress: CheckProgress) => void {
  let stage: { readonly name: CheckStage | undefined; readonly begin: number } = { name: undefined, begin: 0 };
  return ({ stage: name, done, total }) => {
    if (stage.name !== name) stage = { name, begin: performance.now() };
    const left = secondsLeft(done, total, (performance.now() - stage.begin) / 1000);
    const count = total === 1 ? '' : ` ${done}/${total}`;
    line.update(`${stages[name]}${count}${left === undefined || total === 1 ? '' : ` · ${formatSeconds(left)} left`}`);
  };
}
