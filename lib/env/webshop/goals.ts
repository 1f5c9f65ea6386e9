import type { Product } from './products.ts';
import type { PythonRandom } from './python-random.ts';
import { byCodePoint } from './python-text.ts';

/** What a shopper is asked to buy. */
export interface Goal {
  readonly asin: string;
  readonly category: string;
  readonly query: string;
  readonly title: string;
  readonly productCategory: string;
  readonly instruction: string;
  readonly attributes: readonly string[];
  /** In dollars, inclusive; 1,000,000 where the instruction names no bound. */
  readonly priceUpper: number;
  /** Generated goals name their options; human goals list values only, and the two are compared differently. */
  readonly options: GoalOptions;
  /** How often goals of this kind are drawn where goals are drawn by weight. */
  readonly weight: number;
}

export type GoalOptions = { readonly named: ReadonlyMap<string, string> } | { readonly values: readonly string[] };

const noBound = 1_000_000;

/**
 * A goal for every combination of option values of every product with a generated instruction, in product order; each product's price
 * bound is drawn from `random`. The text is the product's instruction, ` with ` its options in name order, and the bound.
 */
export function generatedGoals(products: readonly Product[], random: PythonRandom): Goal[] {
  const goals: Goal[] = [];
  for (const product of products) {
    if (product.instruction === undefined) continue;
    const bound = drawBound(product.price, random);
    const { text, attributes } = product.instruction;
    for (const options of combinations(product.options)) {
      const described = Array.from(options, ([name, value]) => `${name}: ${value}`).join(', and ');
      const instruction = text + (described === '' ? '' : ` with ${described}`) + bound.text;
      goals.push({ ...ofProduct(product), instruction, attributes, priceUpper: bound.upper, options: { named: options }, weight: 0 });
    }
  }
  return weighted(goals);
}

/** A goal for every human instruction that names attributes, in product order; each draws its own price bound. */
export function humanGoals(products: readonly Product[], random: PythonRandom): Goal[] {
  return products.flatMap((product) =>
    (product.humanInstructions ?? [])
      .filter(({ attributes }) => attributes.length > 0)
      .map(({ instruction, attributes, options }) => {
        const bound = drawBound(product.price, random);
        const text = instruction.replace(/^\.+|\.+$/g, '') + bound.text;
        return { ...ofProduct(product), instruction: text, attributes, priceUpper: bound.upper, options: { values: options }, weight: 1 };
      }),
  );
}

/** How many options a goal asks for. */
export function optionCount(options: GoalOptions): number {
  return 'named' in options ? options.named.size : options.values.length;
}

function ofProduct({
  asin,
  category,
  query,
  title,
  productCategory,
}: Product): Pick<Goal, 'asin' | 'category' | 'query' | 'title' | 'productCategory'> {
  return { asin, category, query, title, productCategory };
}

/** Two of the next four full tens above the price, the larger counts; no bound from 980 dollars on. */
function drawBound(price: number, random: PythonRandom): { upper: number; text: string } {
  const tens = Array.from({ length: 99 }, (_, i) => 10 * (i + 1));
  const candidates = tens.filter((ten) => ten > price).slice(0, 4);
  if (candidates.length < 2) return { upper: noBound, text: '' };
  const upper = Math.max(...random.sample(candidates, 2));
  return { upper, text: `, and price lower than ${upper.toFixed(2)} dollars` };
}

/** Every choice of one value per option; names in order, the last name varies fastest. */
function combinations(options: ReadonlyMap<string, readonly string[]>): Map<string, string>[] {
  const names = [...options.keys()].sort(byCodePoint);
  return names.reduce<Map<string, string>[]>(
    (chosen, name) => chosen.flatMap((map) => (options.get(name) ?? []).map((value) => new Map(map).set(name, value))),
    [new Map()],
  );
}

/** The weight of a goal is the mean of 1 / (goals that ask for the attribute) over its attributes. */
function weighted(goals: readonly Goal[]): Goal[] {
  const counts = new Map<string, number>();
  for (const { attributes } of goals) for (const attribute of attributes) counts.set(attribute, (counts.get(attribute) ?? 0) + 1);
  return goals.map((goal) => {
    const total = goal.attributes.reduce((sum, attribute) => sum + 1 / (counts.get(attribute) ?? 1), 0);
    return { ...goal, weight: total / goal.attributes.length };
  });
}
