import { AStarPOError } from '../../../errors.ts';
import type { GoalSource } from '../catalogue/goals.ts';
import type { PythonRandom } from '../python/python-random.ts';
import type { ResolvedTextShopOptions } from './text-shop-options.ts';
import { WeightedDraw } from './weighted-draw.ts';

type Limits = Pick<ResolvedTextShopOptions, 'filterGoals' | 'limitGoals'>;

/** Indices of the goals that `filterGoals` keeps, then of those drawn from them for `limitGoals`. Throws ASTARPO_TASKS when none is left. */
export function keepGoals(goals: GoalSource, { filterGoals, limitGoals }: Limits, random: PythonRandom): Uint32Array {
  let kept = Uint32Array.from({ length: goals.length }, (_, index) => index);
  if (filterGoals !== undefined) kept = kept.filter((index) => filterGoals(index, goals.at(index)));
  if (kept.length === 0) {
    throw new AStarPOError('ASTARPO_TASKS', `expected filterGoals to keep some of ${goals.length} goals, got none`);
  }
  if (limitGoals === undefined || limitGoals >= kept.length) return kept;
  const weights = goals.weights();
  const draw = new WeightedDraw(Float64Array.from(kept, (index) => weights[index] as number));
  const drawn = new Set<number>();
  while (drawn.size < limitGoals) drawn.add(draw.draw(random));
  return Uint32Array.from(drawn, (place) => kept[place] as number);
}
