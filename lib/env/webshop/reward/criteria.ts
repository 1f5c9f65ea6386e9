import { type Goal, noBound } from '../catalogue/goals.ts';
import type { Product } from '../catalogue/products.ts';
import { type Score, scorePurchase } from './reward.ts';

/** One thing that a goal asks for, and whether the purchase has it. */
export interface Criterion {
  readonly text: string;
  readonly met: boolean;
}

export interface Purchase {
  readonly product: Product;
  readonly chosen: ReadonlyMap<string, string>;
  readonly score: Score;
}

/** What a goal asks for, one by one; each that is met is a point. */
export interface Criteria {
  readonly attributes: readonly Criterion[];
  readonly options: readonly Criterion[];
  readonly price: Criterion;
  readonly points: number;
  readonly wanted: number;
}

/** Which attributes and options count as matched: each is scored as if the goal asked for nothing else. */
export function criteriaOf({ product, chosen, score }: Purchase, goal: Goal): Criteria {
  const alone = (attributes: readonly string[], options: Goal['options']) =>
    scorePurchase(product, { ...goal, attributes, options }, product.price, [...chosen.values()], () => []);
  const asked =
    'named' in goal.options
      ? Array.from(goal.options.named, ([name, value]) => ({ text: `${name}: ${value}`, option: { named: new Map([[name, value]]) } }))
      : goal.options.values.map((value) => ({ text: value, option: { values: [value] } }));
  const attributes = goal.attributes.map((text) => ({ text, met: alone([text], { values: [] }).attributes === 1 }));
  const options = asked.map(({ text, option }) => ({ text, met: alone([], option).options === 1 }));
  const price = { text: boundWords(goal), met: score.price };
  const all = [...attributes, ...options, price];
  return { attributes, options, price, points: countMet(all), wanted: all.length };
}

export function countMet(criteria: readonly Criterion[]): number {
  return criteria.filter(({ met }) => met).length;
}

function boundWords({ priceUpper }: Goal): string {
  return priceUpper >= noBound ? 'no bound' : `at most $${priceUpper.toFixed(2)}`;
}
