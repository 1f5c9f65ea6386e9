import { criteriaOf } from '../../env/webshop/reward/criteria.ts';
import type { WebShopEnv, WebShopTask } from '../../env/webshop/webshop-env.ts';
import { runAgent } from '../../rollout/scripted.ts';
import { type BestPurchase, bestPurchase } from './best-purchase.ts';
import type { ObservationGauge } from './gauge.ts';
import { PerfectBuyer, perfectTurns } from './perfect-buyer.ts';

/** A goal that the best purchase does not solve, or whose best purchase could not be made as planned. */
export interface UnsolvedGoal {
  readonly task: string;
  readonly instruction: string;
  /** The product of the best purchase; empty where there is none. */
  readonly product: string;
  readonly score: number;
  /** What is missing, in words. */
  readonly why: readonly string[];
}

/** The best purchase of many goals, computed and made. */
export interface PerfectResult {
  readonly goals: number;
  /** Goals whose best purchase scores 1. */
  readonly solved: number;
  /** Those that nobody can solve. */
  readonly unsolvable: readonly UnsolvedGoal[];
  /** Goals whose product no search for its title, values or query lists within five pages, or that a limit of actions cuts off. */
  readonly unreachable: readonly UnsolvedGoal[];
  /** Goals where the shop paid another score than the rules say: a fault of the shop. */
  readonly differing: readonly UnsolvedGoal[];
}

export interface PerfectOptions {
  readonly gauge: ObservationGauge;
  readonly signal?: AbortSignal | undefined;
  readonly onGoal?: () => void;
}

/** Finds the best purchase of every task by the rules and walks to it through the pages. Throws as `runAgent` does. */
export async function checkPerfect(
  env: WebShopEnv,
  tasks: readonly WebShopTask[],
  { gauge, signal, onGoal }: PerfectOptions,
): Promise<PerfectResult> {
  const unsolvable: UnsolvedGoal[] = [];
  const unreachable: UnsolvedGoal[] = [];
  const differing: UnsolvedGoal[] = [];
  let solved = 0;
  for (const task of tasks) {
    const best = bestPurchase(env, task.goal);
    if (best?.score.reward === 1) solved++;
    else unsolvable.push(unsolved(task, best, best?.score.reward ?? 0, missing(task, best)));
    if (best !== undefined) {
      const buyer = new PerfectBuyer(best);
      const options = { maxTurns: perfectTurns, ...(signal === undefined ? {} : { signal }) };
      const { tally, finish } = await runAgent(env, task, gauge.watch(buyer, task.id), options);
      const paid = tally.rewards.score ?? 0;
      const limited = tally.rewards.r_type === undefined;
      if (buyer.lost || limited) {
        unreachable.push(unsolved(task, best, paid, [buyer.lost ? 'no search lists the product' : `the episode ended before: ${finish}`]));
      } else if (paid !== best.score.reward) {
        differing.push(unsolved(task, best, paid, [`expected a score of ${best.score.reward}, got ${paid}`]));
      }
    }
    onGoal?.();
  }
  return { goals: tasks.length, solved, unsolvable, unreachable, differing };
}

function unsolved({ id, instruction }: WebShopTask, best: BestPurchase | undefined, score: number, why: readonly string[]): UnsolvedGoal {
  return { task: id, instruction, product: best?.product.asin ?? '', score, why };
}

function missing({ goal }: WebShopTask, best: BestPurchase | undefined): string[] {
  if (best === undefined) return [goal.asin === '' ? 'no product serves it' : `there is no product ${goal.asin}`];
  const { product, chosen, score } = best;
  const { attributes, options } = criteriaOf({ product, chosen: new Map(chosen.map((value) => [value, value])), score }, goal);
  return [
    ...(score.typeFactor < 1
      ? [`${product.asin} is not of the right kind: r_type ${score.typeFactor}, title score ${score.titleScore.toFixed(3)}`]
      : []),
    ...attributes.filter(({ met }) => !met).map(({ text }) => `${product.asin} has no attribute ${JSON.stringify(text)}`),
    ...options.filter(({ met }) => !met).map(({ text }) => `${product.asin} has no option ${JSON.stringify(text)}`),
    ...(score.price ? [] : [`${product.asin} costs $${product.price.toFixed(2)}, more than $${goal.priceUpper.toFixed(2)}`]),
  ];
}
