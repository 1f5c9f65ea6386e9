import { AStarPOError } from '../../../errors.ts';
import type { PythonRandom } from '../python/python-random.ts';
import { byCodePoint, stripUnits } from '../python/python-text.ts';
import type { ProductSource } from './product-source.ts';
import type { Product } from './products.ts';

/** What a shopper is asked to buy. */
export interface Goal {
  /** Name of the task in its file, where it has one. */
  readonly id?: string;
  /** The product behind the goal; empty where only a kind of product is asked for. */
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
}

export type GoalOptions = { readonly named: ReadonlyMap<string, string> } | { readonly values: readonly string[] };

/** How many options a goal asks for. */
export function optionCount(options: GoalOptions): number {
  return 'named' in options ? options.named.size : options.values.length;
}

/**
 * The goals of a shop by index, made when they are asked for: a full catalogue has millions. First in product order; `shuffle` brings them
 * into the order that published indices mean.
 */
export abstract class GoalSource implements Iterable<Goal> {
  /** [length]: which goal, in product order, each index has. */
  readonly #order: Uint32Array;
  #weights: Float64Array | undefined;

  protected constructor(length: number) {
    this.#order = Uint32Array.from({ length }, (_, i) => i);
  }

  get length(): number {
    return this.#order.length;
  }

  /** Throws ASTARPO_TASKS for an index that no goal has. */
  at(index: number): Goal {
    const place = this.#order[index];
    if (place !== undefined) return this.make(place);
    throw new AStarPOError('ASTARPO_TASKS', `expected a goal from 0 to ${this.length - 1}, got ${index}`);
  }

  shuffle(random: PythonRandom): void {
    random.shuffle(this.#order);
  }

  /** The index of the goal whose task is called so: `webshop_` and the index, unless goals have names of their own. */
  find(id: string): number | undefined {
    const digits = /^webshop_(\d{1,15})$/.exec(id)?.[1];
    return digits === undefined || Number(digits) >= this.length ? undefined : Number(digits);
  }

  *[Symbol.iterator](): Generator<Goal> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }

  /** [length]: how often each goal is drawn where goals are drawn by weight. The first call reads every product that has goals. */
  weights(): Float64Array {
    if (this.#weights === undefined) {
      const inProductOrder = this.weigh();
      this.#weights = Float64Array.from(this.#order, (goal) => inProductOrder[goal] as number);
    }
    return this.#weights;
  }

  /** The goal at a place in product order. */
  protected abstract make(place: number): Goal;
  /** Weights in product order. */
  protected abstract weigh(): Float64Array;
}

/**
 * A goal for every combination of option values of every product with a generated instruction; each product's price bound is drawn from
 * `random`. The text is the product's instruction, ` with ` its options in name order, and the bound. A goal's weight is the mean of
 * 1 / (goals that ask for the attribute) over its attributes.
 */
export class GeneratedGoals extends GoalSource {
  readonly #products: ProductSource;
  /** Bound of each instructed product. */
  readonly #bounds: Float64Array;
  /** [instructed + 1]: place of each one's first goal. */
  readonly #starts: Uint32Array;

  /** Throws ASTARPO_DATA for more than 2^28 goals. */
  constructor(products: ProductSource, random: PythonRandom) {
    const { products: numbers, combinations } = products.instructed;
    const starts = new Uint32Array(numbers.length + 1);
    for (let i = 0; i < numbers.length; i++) {
      const end = (starts[i] as number) + (combinations[i] as number);
      if (end > mostGoals) throw tooMany(products.at(numbers[i] as number).asin, combinations[i] as number);
      starts[i + 1] = end;
    }
    super(starts[numbers.length] as number);
    this.#products = products;
    this.#starts = starts;
    this.#bounds = Float64Array.from({ length: numbers.length }, (_, i) =>
      drawBound(products.prices[numbers[i] as number] as number, random),
    );
  }

  protected make(place: number): Goal {
    const at = lastAtMost(this.#starts, place);
    const product = this.#products.at(this.#products.instructed.products[at] as number);
    const priceUpper = this.#bounds[at] as number;
    const options = combination(product.options, place - (this.#starts[at] as number));
    const described = Array.from(options, ([name, value]) => `${name}: ${value}`).join(', and ');
    const { text, attributes } = product.instruction ?? { text: '', attributes: [] };
    const instruction = text + (described === '' ? '' : ` with ${described}`) + boundText(priceUpper);
    return { ...ofProduct(product), instruction, attributes, priceUpper, options: { named: options } };
  }

  protected weigh(): Float64Array {
    const { products: numbers, combinations } = this.#products.instructed;
    const wanted = Array.from(numbers, (number) => this.#products.at(number).instruction?.attributes ?? []);
    const counts = new Map<string, number>();
    wanted.forEach((attributes, i) => {
      for (const attribute of attributes) counts.set(attribute, (counts.get(attribute) ?? 0) + (combinations[i] as number));
    });
    const weights = new Float64Array(this.length);
    wanted.forEach((attributes, i) => {
      const total = attributes.reduce((sum, attribute) => sum + 1 / (counts.get(attribute) ?? 1), 0);
      weights.fill(total / attributes.length, this.#starts[i], this.#starts[i + 1]);
    });
    return weights;
  }
}

/** A catalogue of millions of products has some ten million; their order takes four bytes each. */
const mostGoals = 2 ** 28;

function tooMany(asin: string, combinations: number): AStarPOError {
  return new AStarPOError(
    'ASTARPO_DATA',
    `expected at most ${mostGoals} goals, got more from ${asin} on, which has ${combinations} combinations of option values`,
    { hint: 'take products with very many options out of the file, or keep fewer products' },
  );
}

/** A product, which of its human instructions, and the price bound drawn for it. */
interface HumanPlace {
  readonly product: number;
  readonly instruction: number;
  readonly bound: number;
}

/** A goal for every human instruction that names attributes; each draws its own price bound. All weigh the same. */
export class HumanGoals extends GoalSource {
  readonly #products: ProductSource;
  readonly #places: readonly HumanPlace[];

  constructor(products: ProductSource, random: PythonRandom) {
    const places = Array.from(products.humanInstructed).flatMap((number) =>
      (products.at(number).humanInstructions ?? []).flatMap(({ attributes }, i) =>
        attributes.length === 0 ? [] : [{ product: number, instruction: i, bound: drawBound(products.prices[number] as number, random) }],
      ),
    );
    super(places.length);
    this.#products = products;
    this.#places = places;
  }

  protected make(place: number): Goal {
    const { product: number, instruction: which, bound: priceUpper } = this.#places[place] as HumanPlace;
    const product = this.#products.at(number);
    const { instruction = '', attributes = [], options = [] } = product.humanInstructions?.[which] ?? {};
    const text = stripUnits(instruction, isDot) + boundText(priceUpper);
    return { ...ofProduct(product), instruction: text, attributes, priceUpper, options: { values: options } };
  }

  protected weigh(): Float64Array {
    return new Float64Array(this.length).fill(1);
  }
}

type Kind = Pick<Goal, 'asin' | 'category' | 'query' | 'title' | 'productCategory'>;

function ofProduct({ asin, category, query, title, productCategory }: Product): Kind {
  return { asin, category, query, title, productCategory };
}

/** The bound of goals that name none, in dollars. */
export const noBound = 1_000_000;

/** Two of the next four full tens above the price, the larger counts; no bound from 980 dollars on. */
function drawBound(price: number, random: PythonRandom): number {
  const first = 10 * Math.floor(price / 10) + 10;
  const candidates = [first, first + 10, first + 20, first + 30].filter((ten) => ten > price && ten >= 10 && ten <= 990);
  return candidates.length < 2 ? noBound : Math.max(...random.sample(candidates, 2));
}

function isDot(unit: number): boolean {
  return unit === 0x2e;
}

/** How an instruction ends that names a price bound; empty for none. */
export function boundText(upper: number): string {
  return upper === noBound ? '' : `, and price lower than ${upper.toFixed(2)} dollars`;
}

/** One choice of one value per option; names in order, the last name varies fastest. */
function combination(options: ReadonlyMap<string, readonly string[]>, number: number): Map<string, string> {
  const names = [...options.keys()].sort(byCodePoint);
  let rest = number;
  const chosen = names.reverse().map((name): [string, string] => {
    const values = options.get(name) ?? [];
    const value = values[rest % values.length] ?? '';
    rest = Math.floor(rest / values.length);
    return [name, value];
  });
  return new Map(chosen.reverse());
}

/** The last place whose value is at most `value`, in an ascending list that begins with at most it. */
function lastAtMost(list: Uint32Array, value: number): number {
  let low = 0;
  let high = list.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as number) <= value) low = middle;
    else high = middle;
  }
  return low;
}
