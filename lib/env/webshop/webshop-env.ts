import { createHash } from 'node:crypto';
import { AStarPOError } from '../../errors.ts';
import { canonicalJson, type JsonObject } from '../../util/json.ts';
import { nameHint } from '../../util/nearest-name.ts';
import type { Environment, Episode, Observation, StepResult, Task, TaskList } from '../environment.ts';
import { readCatalogue } from './catalogue/catalogue-files.ts';
import { GeneratedGoals, type Goal, HumanGoals } from './catalogue/goals.ts';
import { openImported } from './catalogue/imported-catalogue.ts';
import { ProductList, type ProductSource } from './catalogue/product-source.ts';
import { listProducts, searchableText } from './catalogue/products.ts';
import { describePage } from './pages/describe-page.ts';
import { PythonRandom } from './python-random.ts';
import type { Score } from './reward.ts';
import { indexDocuments } from './search/index-builder.ts';
import type { SearchIndex } from './search/search-index.ts';
import { type Outcome, Session } from './session.ts';
import { Shop } from './shop.ts';
import { makeSyntheticShop, type Split } from './synthetic.ts';
import { type Layout, type ResolvedOptions, resolveOptions, type WebShopOptions } from './webshop-options.ts';

/** One goal of the shop. */
export interface WebShopTask extends Task {
  /** Place among all goals of the shop, in WebShop's shuffled order. */
  readonly index: number;
  /** What the agent is told. */
  readonly instruction: string;
  readonly goal: Goal;
}

/** Goals per split, as lists of task indices. */
type Splits = Readonly<Record<string, readonly number[]>>;

/** Seed of WebShop's goal order: published goal indices mean the order that it gives. */
const goalOrderSeed = 233;

/** Stands for a search of any words in the valid actions of an observation. */
export const searchMarker = 'search[<query>]';

/**
 * WebShop (Yao et al. 2022) in text mode. An agent reads an instruction, searches with `search[words]`, clicks with `click[target]` and
 * is paid once, in [0, 1], when it clicks `buy now`; an episode is a success when it pays exactly 1.
 *
 * Over a real catalogue the splits are `test` (goals 0-499), `dev` (500-1,499) and `train` (the rest), which share products; over the
 * synthetic one `dev` and `test` ask for products that `train` never asks for. `all` has every goal.
 *
 * Valid actions list what can be clicked, and `search[<query>]` on the page with the search bar; as in WebShop a search works on every
 * page, and an action that is not possible changes nothing (`valid` is then false). Rewards come in parts: r_type, r_att, r_option (left
 * out where the goal names no option) and r_price.
 *
 * Where it departs from the original: the draws of prices and price bounds have a seed; nouns of titles, which only matter for purchases of
 * another kind than asked for, come from a rule instead of a tagger; searches that crash the original (`<a>`, `<c>` alone) find nothing;
 * nothing can be done after the purchase. The layout `compact` is another presentation of the same pages, and the
 * markup of `html` is our own.
 */
export class WebShopEnv implements Environment<WebShopTask> {
  readonly id = 'webshop';
  readonly version = '1';
  readonly config: JsonObject;
  readonly shop: Shop;
  readonly options: ResolvedOptions;
  readonly #splits: Splits;

  private constructor(shop: Shop, splits: Splits, options: ResolvedOptions, config: JsonObject) {
    this.shop = shop;
    this.options = options;
    this.config = config;
    this.#splits = splits;
  }

  /** Errors: `ASTARPO_UNKNOWN_OPTION`, `ASTARPO_OPTION`, and `ASTARPO_DATA` for catalogue files that are missing or broken. */
  static async open(options: WebShopOptions = {}): Promise<WebShopEnv> {
    const resolved = resolveOptions(options);
    return resolved.data === undefined ? openSynthetic(resolved, make) : openReal(resolved.data, resolved, make);

    function make(shop: Shop, splits: Splits, catalogue: JsonObject): WebShopEnv {
      const { layout, showAttributes } = resolved;
      return new WebShopEnv(shop, splits, resolved, { ...catalogue, layout, showAttributes });
    }
  }

  /** Names of the splits. */
  get splits(): readonly string[] {
    return Object.keys(this.#splits);
  }

  tasks(split: string): TaskList<WebShopTask> {
    const indices = Object.hasOwn(this.#splits, split) ? this.#splits[split] : undefined;
    if (indices === undefined) {
      throw new AStarPOError('ASTARPO_TASKS', `expected a split of the shop, got "${split}"`, {
        hint: nameHint(split, this.splits, 'splits'),
      });
    }
    return {
      length: indices.length,
      at: (place) => {
        const index = indices[place];
        if (index === undefined) {
          throw new AStarPOError('ASTARPO_TASKS', `expected a place from 0 to ${indices.length - 1} in split ${split}, got ${place}`);
        }
        return this.#task(index);
      },
    };
  }

  #task(index: number): WebShopTask {
    const goal = this.shop.goals.at(index);
    return { id: `webshop_${index}`, index, instruction: goal.instruction, goal };
  }

  async open(task: WebShopTask, options: { seed: bigint; signal: AbortSignal }): Promise<Episode> {
    options.signal.throwIfAborted();
    return this.openNow(task, options.seed);
  }

  /** `open` without the wait: nothing in the shop is slow. `seed` only decides what searches for random products find. */
  openNow(task: WebShopTask, seed: bigint): WebShopEpisode {
    return new WebShopEpisode(this, task, seed);
  }
}

type Make = (shop: Shop, splits: Splits, catalogue: JsonObject) => WebShopEnv;

async function openReal(folder: string, options: ResolvedOptions, make: Make): Promise<WebShopEnv> {
  const { priceSeed, humanGoals } = options;
  const random = new PythonRandom(priceSeed);
  const { products, index, hash } = await openCatalogue(folder, options, random);
  const goals = humanGoals ? new HumanGoals(products, random) : new GeneratedGoals(products, random);
  if (goals.length === 0) throw new AStarPOError('ASTARPO_DATA', `expected goals in ${folder}, got none for ${products.length} products`);
  random.seed(goalOrderSeed);
  goals.shuffle(random);
  const all = Array.from({ length: goals.length }, (_, index) => index);
  const splits = { train: all.slice(1500), dev: all.slice(500, 1500), test: all.slice(0, 500), all };
  const catalogue = { catalogue: hash, products: products.length, goals: humanGoals ? 'human' : 'generated', priceSeed };
  return make(new Shop(products, goals, index), splits, catalogue);
}

interface OpenCatalogue {
  readonly products: ProductSource;
  readonly index: SearchIndex;
  readonly hash: string;
}

/** An imported folder, or one with the original's files, which are then loaded into memory. */
async function openCatalogue(folder: string, { productCount, humanGoals }: ResolvedOptions, random: PythonRandom): Promise<OpenCatalogue> {
  const imported = await openImported(folder, random);
  if (imported !== undefined) {
    if (productCount !== undefined && productCount !== imported.products.length) {
      throw new AStarPOError(
        'ASTARPO_OPTION',
        `expected productCount to be what was imported (${imported.products.length}), got ${productCount}`,
        {
          hint: 'import the catalogue again with another count',
        },
      );
    }
    return { ...imported, hash: imported.key };
  }
  const { raw, hash } = await readCatalogue(folder, { human: humanGoals });
  const products = new ProductList(listProducts(raw, { count: productCount }), random);
  return { products, index: indexOf(products), hash };
}

function openSynthetic(options: ResolvedOptions, make: Make): WebShopEnv {
  const { products, goals, splitOf } = makeSyntheticShop(options.synthetic);
  const asked = Array.from(goals, ({ asin }) => splitOf.get(asin));
  const all = asked.map((_, index) => index);
  const of = (split: Split): number[] => all.filter((index) => asked[index] === split);
  const hash = createHash('sha256');
  for (const { instruction, priceUpper } of goals) hash.update(canonicalJson([instruction, priceUpper]));
  for (const { asin, title, description, priceText, options: choices } of products) {
    hash.update(canonicalJson([asin, title, description, priceText, ...[...choices].flat(2), splitOf.get(asin) ?? '']));
  }
  const splits = { train: of('train'), dev: of('dev'), test: of('test'), all };
  return make(new Shop(products, goals, indexOf(products)), splits, { catalogue: hash.digest('hex'), synthetic: { ...options.synthetic } });
}

function indexOf(products: ProductSource): SearchIndex {
  return indexDocuments(Array.from(products, (product) => [product.asin, searchableText(product)] as const));
}

/** One shopping trip; see `WebShopEnv`. */
export class WebShopEpisode implements Episode {
  readonly first: Observation;
  readonly #session: Session;
  readonly #task: WebShopTask;
  readonly #layout: Layout;
  #random: PythonRandom | undefined;
  #over = false;

  constructor(env: WebShopEnv, task: WebShopTask, seed: bigint) {
    const random = (): PythonRandom => {
      this.#random ??= new PythonRandom(seed);
      return this.#random;
    };
    this.#session = new Session(env.shop, task.goal, { random, showAttributes: env.options.showAttributes });
    this.#task = task;
    this.#layout = env.options.layout;
    this.first = this.#observe('start');
  }

  step(action: string): StepResult {
    if (this.#over) {
      throw new AStarPOError('ASTARPO_ENVIRONMENT', 'expected no action after the purchase, got one', { hint: 'open a new episode' });
    }
    const outcome = this.#session.act(action);
    const { page } = this.#session;
    const observation = this.#observe(outcome);
    if (page.kind !== 'done') return { observation, reward: 0, done: false, valid: outcome !== 'nothing' };
    const { score } = page;
    this.#over = true;
    return { observation, reward: score.reward, rewards: partsOf(score), done: true, success: score.reward === 1, valid: true };
  }

  #observe(outcome: Outcome | 'start'): Observation {
    const { index, instruction } = this.#task;
    const text = describePage(this.#layout, this.#session, { instruction, outcome, name: String(index) });
    if (this.#session.page.kind === 'search') return { text, validActions: [searchMarker] };
    return { text, validActions: this.#session.clickables().map((target) => `click[${target}]`) };
  }
}

function partsOf(score: Score): Record<string, number> {
  const parts = { r_type: score.typeFactor, r_att: score.attributes, r_price: score.price ? 1 : 0 };
  return score.options === undefined ? parts : { ...parts, r_option: score.options };
}
