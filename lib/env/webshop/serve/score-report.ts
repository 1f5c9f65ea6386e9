import type { Goal } from '../catalogue/goals.ts';
import type { Product } from '../catalogue/products.ts';
import { type Score, scorePurchase } from '../reward.ts';

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

/** Which attributes and options count as matched: each is scored as if the goal asked for nothing else. */
export function criteriaOf({ product, chosen }: Purchase, goal: Goal): { attributes: Criterion[]; options: Criterion[] } {
  const score = (attributes: readonly string[], options: Goal['options']) =>
    scorePurchase(product, { ...goal, attributes, options }, product.price, [...chosen.values()], () => []);
  const asked =
    'named' in goal.options
      ? Array.from(goal.options.named, ([name, value]) => ({ text: `${name}: ${value}`, alone: { named: new Map([[name, value]]) } }))
      : goal.options.values.map((value) => ({ text: value, alone: { values: [value] } }));
  return {
    attributes: goal.attributes.map((text) => ({ text, met: score([text], { values: [] }).attributes === 1 })),
    options: asked.map(({ text, alone }) => ({ text, met: score([], alone).options === 1 })),
  };
}
