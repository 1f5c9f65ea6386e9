import type { WebShopEnv } from '../../env/webshop/webshop-env.ts';
import type { CheckReport } from './check-report.ts';
import type { UnsolvedGoal } from './perfect-check.ts';
import { taskWarnings } from './task-warnings.ts';

/** What there is of each kind is listed one by one up to this many. */
const mostListed = 20;

type Findings = Pick<CheckReport, 'determinism' | 'observations' | 'perfect' | 'sanity'>;

/**
 * What is wrong, and what is worth knowing. A goal that nobody can solve is a fault where its author can mend it or this project made it up;
 * in WebShop's own files it belongs to the data that published results were made with.
 */
export function verdict(
  env: WebShopEnv,
  { determinism, observations, perfect, sanity }: Findings,
): Pick<CheckReport, 'faults' | 'warnings'> {
  const { longest, budget } = observations;
  const unsolvable = perfect.unsolvable.map((goal) => `task ${goal.task} cannot be solved: ${reasons(goal)}`);
  const mendable = env.options.dataKind !== 'folder';
  return {
    faults: [
      ...sanity.deviations,
      ...(determinism.difference === undefined ? [] : [`two rounds of the same episodes differ: ${determinism.difference}`]),
      ...(longest.characters > budget ? [`${longest.where} has ${longest.characters} characters, more than ${budget}`] : []),
      ...perfect.differing.map((goal) => `task ${goal.task}: ${reasons(goal)}`),
      ...shortened(mendable ? unsolvable : []),
    ],
    warnings: [
      ...shortened(mendable ? [] : unsolvable),
      ...shortened(perfect.unreachable.map((goal) => `task ${goal.task}: ${goal.product} was not bought: ${reasons(goal)}`)),
      ...shortened(taskWarnings(env)),
    ],
  };
}

function reasons({ why, score }: UnsolvedGoal): string {
  return why.length === 0 ? `the best purchase scores ${score.toFixed(3)}` : why.join('; ');
}

function shortened(lines: readonly string[]): string[] {
  return lines.length <= mostListed ? [...lines] : [...lines.slice(0, mostListed), `and ${lines.length - mostListed} more like these`];
}
