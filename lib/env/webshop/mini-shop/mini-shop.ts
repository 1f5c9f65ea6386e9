import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../util/json.ts';
import { nameHint } from '../../../util/nearest-name.ts';
import { type Goal, type GoalOptions, GoalSource, noBound } from '../catalogue/goals.ts';
import { type ListedProduct, optionValue, priceText } from '../catalogue/products.ts';
import { pythonStrip } from '../python/python-text.ts';
import { listed, type Splits } from '../shop/splits.ts';
import type { Problem } from './mini-shop-file.ts';
import type { MiniProduct, MiniShopFile, MiniTask } from './mini-shop-schema.ts';

/** The products of a file as a shop sells them. Texts that are compared are lower-cased, as in WebShop's catalogue. */
export function miniProducts({ products }: MiniShopFile): ListedProduct[] {
  return products.map((product) => ({
    asin: product.id,
    title: pythonStrip(product.title),
    description: product.description,
    bullets: product.features,
    ...kindOf(product),
    attributes: product.attributes.map(lower),
    options: new Map(Object.entries(product.options).map(([name, values]) => [lower(name), [...new Set(values.map(optionValue))]])),
    priceText: priceText(product.price),
    priceRange: product.price,
  }));
}

/** The tasks of a file as goals, in its order. All weigh the same. */
export class ListedGoals extends GoalSource {
  readonly #goals: readonly Goal[];
  readonly #places: ReadonlyMap<string, number>;

  constructor(tasks: readonly MiniTask[], products: readonly ListedProduct[]) {
    super(tasks.length);
    const byId = new Map(products.map((product) => [product.asin, product]));
    this.#goals = tasks.map((task) => goalOf(task, task.product === undefined ? undefined : byId.get(task.product)));
    this.#places = new Map(tasks.map(({ id }, place) => [id, place]));
  }

  /** Its tasks keep their order, so that places are indices. */
  override find(id: string): number | undefined {
    return this.#places.get(id);
  }

  protected make(place: number): Goal {
    return this.#goals[place] as Goal;
  }

  protected weigh(): Float64Array {
    return new Float64Array(this.length).fill(1);
  }
}

/**
 * Places of the tasks in each split. Tasks that name none are divided in the order of the hashes of their ids: a fifth for test, a tenth for
 * dev, the rest for train, and at least one for each; fewer than three such tasks are in every split.
 */
export function miniSplits(tasks: readonly MiniTask[]): Splits {
  const free = tasks.flatMap((task, place) => (task.split === undefined ? [place] : []));
  const hash = (place: number) =>
    createHash('sha256')
      .update(tasks[place]?.id ?? '')
      .digest('hex');
  const order = free.map((place) => ({ place, hash: hash(place) })).sort((a, b) => (a.hash < b.hash ? -1 : 1));
  const share = (part: number) => Math.max(1, Math.round(part * free.length));
  const [test, dev] = [share(0.2), share(0.1)];
  const drawn = new Map(order.map(({ place }, i) => [place, i < test ? 'test' : i < test + dev ? 'dev' : 'train']));
  const splitOf = (place: number) => tasks[place]?.split ?? (free.length < 3 ? 'all' : drawn.get(place));
  const places = tasks.map((_, place) => place);
  const of = (name: string) => listed(places.filter((place) => splitOf(place) === name || splitOf(place) === 'all'));
  return { train: of('train'), dev: of('dev'), test: of('test'), all: listed(places) };
}

/** Names the contents of a file, however they are laid out. */
export function miniShopHash(file: MiniShopFile): string {
  return createHash('sha256')
    .update(canonicalJson(JSON.parse(JSON.stringify(file))))
    .digest('hex');
}

/** What no single field shows to be wrong: names that are used twice, or that nothing has. */
export function crossProblems({ products, tasks }: MiniShopFile): Problem[] {
  const ids = products.map(({ id }) => id);
  const known = new Set(ids);
  return [
    // Clicks do not tell capitals from small letters.
    ...repeated(ids, 'products', 'product', (id) => id.toLowerCase()),
    ...repeated(
      tasks.map(({ id }) => id),
      'tasks',
      'task',
    ),
    ...products.flatMap(({ options }, i) => repeatedNames(options, `products[${i}].options`)),
    ...tasks.flatMap((task, i) => targetProblems(task, `tasks[${i}]`, known)),
  ];
}

function repeated(ids: readonly string[], list: string, what: string, same = (id: string) => id): Problem[] {
  const first = new Map<string, number>();
  return ids.flatMap((id, place) => {
    const before = first.get(same(id));
    if (before === undefined) first.set(same(id), place);
    if (before === undefined) return [];
    return [{ path: `${list}[${place}].id`, text: `expected an id of its own, got ${JSON.stringify(id)}, as ${what} ${before} has` }];
  });
}

function repeatedNames(options: MiniProduct['options'], path: string): Problem[] {
  const names = Object.keys(options).map(lower);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  return twice === undefined ? [] : [{ path, text: `expected each option once, got ${JSON.stringify(twice)} twice` }];
}

function targetProblems({ product, category, query }: MiniTask, path: string, known: ReadonlySet<string>): Problem[] {
  if (product === undefined) {
    if (category !== undefined || query !== undefined) return [];
    return [{ path, text: 'expected product, or category or query of what is wanted, got none' }];
  }
  if (category !== undefined || query !== undefined) {
    return [{ path, text: `expected product alone, got ${category === undefined ? 'query' : 'category'} too: the product has its own` }];
  }
  if (known.has(product)) return [];
  const hint = nameHint(product, [...known].slice(0, 1000), 'some of the products');
  return [{ path: `${path}.product`, text: `expected the id of a product, got ${JSON.stringify(product)}`, hint: shortened(hint) }];
}

function shortened(hint: string): string {
  return hint.length > 120 ? `${hint.slice(0, 119)}…` : hint;
}

function goalOf(task: MiniTask, target: ListedProduct | undefined): Goal {
  const { asin, category, query, title, productCategory } = target ?? { asin: '', title: '', ...kindOf(task) };
  return {
    ...{ id: task.id, asin, category, query, title, productCategory },
    instruction: task.instruction,
    attributes: task.attributes.map(lower),
    priceUpper: task.maxPrice ?? noBound,
    options: optionsOf(task),
  };
}

function optionsOf({ options }: MiniTask): GoalOptions {
  // Into a plain array first: `Array.isArray` does not narrow a readonly union.
  if (Array.isArray(options)) return { values: (options as readonly string[]).map(optionValue) };
  return { named: new Map(Object.entries(options).map(([name, value]) => [lower(name), optionValue(value)])) };
}

/** `Fashion › Shoes`: WebShop's category is the first level, its query by default the last. */
function kindOf({
  category = '',
  query,
}: Pick<MiniTask, 'category' | 'query'>): Pick<ListedProduct, 'category' | 'productCategory' | 'query'> {
  const levels = category.split(/[›>]/).map(pythonStrip).filter(Boolean);
  return { category: lower(levels[0] ?? ''), productCategory: levels.join(' › '), query: lower(query ?? levels.at(-1) ?? '') };
}

function lower(text: string): string {
  return pythonStrip(text).toLowerCase();
}
