import type { Rng } from '../../../util/rng.ts';
import type { Agent } from '../../agent.ts';
import type { WebShopEnv, WebShopTask } from '../webshop-env.ts';
import { Matcher } from './matcher.ts';
import { type Reading, type Request, readInstruction } from './reading.ts';
import { chooseOrBuy, type Move, queryOf, type Shopper, speaking, thoughts } from './shopper.ts';

/** How often the careless shopper is careless, each a probability. */
export interface BiasedOptions {
  /** Searches for the kind of product only. Default 0.5. */
  readonly pCategoryOnly: number;
  /** Leaves an option unchosen, drawn for each. Default 0.5. */
  readonly pSkipOption: number;
  /** Opens a random product of the page instead of the best match. Default 0.25. */
  readonly pRandomProduct: number;
}

/**
 * The careless shopper, a teacher with everything to improve: what the careful shopper does is among what it does, but seldom all of it in
 * one episode. It reads one page of results and never turns back.
 */
export function biasedShopper(_env: WebShopEnv, task: WebShopTask, options: Partial<BiasedOptions> = {}): Agent {
  const all = { pCategoryOnly: 0.5, pSkipOption: 0.5, pRandomProduct: 0.25, ...options };
  return speaking(new CarelessShopper(readInstruction(task.instruction), all));
}

class CarelessShopper implements Shopper {
  readonly #request: Request;
  readonly #matcher: Matcher;
  readonly #options: BiasedOptions;
  #toChoose: string[] | undefined;

  constructor(request: Request, options: BiasedOptions) {
    this.#request = request;
    this.#matcher = new Matcher(request);
    this.#options = options;
  }

  decide(page: Reading, random: Rng): Move {
    if (page.kind === 'search') {
      const words = random.uniform() < this.#options.pCategoryOnly ? this.#request.kind : this.#request.stem;
      return { action: `search[${queryOf(words)}]`, thought: thoughts.search };
    }
    if (page.kind === 'results') {
      if (page.listings.length === 0) return { action: 'click[back to search]', thought: thoughts.again };
      const listing = random.uniform() < this.#options.pRandomProduct ? random.pick(page.listings) : this.#matcher.best(page.listings);
      return { action: `click[${listing?.code}]`, thought: thoughts.open };
    }
    if (page.kind === 'sub-page') return { action: 'click[< prev]', thought: thoughts.leave };
    this.#toChoose ??= this.#request.options
      .map(({ value }) => value)
      .filter((value) => page.values.includes(value) && random.uniform() >= this.#options.pSkipOption);
    return chooseOrBuy(this.#toChoose);
  }
}
