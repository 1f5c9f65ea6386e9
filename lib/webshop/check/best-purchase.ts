import type { Goal } from '../../env/webshop/catalogue/goals.ts';
import type { Product } from '../../env/webshop/catalogue/products.ts';
import { matchedOptions, type Score, scorePurchase } from '../../env/webshop/reward/reward.ts';
import type { WebShopEnv } from '../../env/webshop/webshop-env.ts';

/** What to buy for a goal, and what it scores. */
export interface BestPurchase {
  readonly product: Product;
  /** Values to choose, at most one of each option. */
  readonly chosen: readonly string[];
  readonly score: Score;
}

/** In larger catalogues only the product behind the goal is looked at: where it scores less than 1, others seldom score more. */
const mostProducts = 5000;

/**
 * The purchase that serves a goal best: of the product behind it, or, where that one scores less than 1 or there is none, of any product of a
 * small catalogue. Undefined where there is nothing to look at.
 */
export function bestPurchase({ shop, options: { titles } }: WebShopEnv, goal: Goal): BestPurchase | undefined {
  const buy = (product: Product): BestPurchase => {
    const chosen = valuesFor(product, goal);
    return { product, chosen, score: scorePurchase(product, goal, product.price, chosen, titles.nouns) };
  };
  const target = shop.product(goal.asin);
  let best = target === undefined ? undefined : buy(target);
  if (best?.score.reward === 1 || shop.products.length > mostProducts) return best;
  for (const product of shop.products) {
    const other = buy(product);
    if (best === undefined || other.score.reward > best.score.reward) best = other;
    if (other.score.reward === 1) break;
  }
  return best;
}

/** Of every option the value that answers most of what the goal asks for, the exact one first; none where nothing answers. */
function valuesFor({ options }: Product, goal: Goal): string[] {
  const wanted = goal.options;
  const exact = (name: string, value: string) => ('named' in wanted ? wanted.named.get(name) === value : wanted.values.includes(value));
  return Array.from(options, ([name, values]) => {
    const answers = values.map((value) => ({
      value,
      count: exact(name, value) ? Number.POSITIVE_INFINITY : matchedOptions([value], wanted),
    }));
    return answers.reduce((best, answer) => (answer.count > best.count ? answer : best), { value: '', count: 0 }).value;
  }).filter((value) => value !== '');
}
