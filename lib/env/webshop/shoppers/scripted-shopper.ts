import type { Agent } from '../../agent.ts';
import type { WebShopEnv, WebShopTask } from '../webshop-env.ts';
import { Matcher } from './matcher.ts';
import { type Listing, type Reading, type Request, readInstruction } from './reading.ts';
import { chooseOrBuy, type Move, queryOf, type Shopper, speaking, thoughts } from './shopper.ts';

export interface ScriptedOptions {
  /** How many products it may look at and leave again before it buys the best of them. Default 3. */
  readonly rejections?: number;
  /** How many result pages it reads for a listing that names all that is wanted. Default 5 in the synthetic shop, else 1. */
  readonly pages?: number;
  /**
   * Searches for the wanted options too, and trusts the order of the results more than the titles: real titles leave out much of what the
   * search knows. Default true with real data.
   */
  readonly searchOptions?: boolean;
}

/**
 * The careful shopper: searches for all that the instruction asks for, opens the listings that match it best until one has every wanted
 * option, chooses those and buys. It knows the instruction and the pages, nothing else. In the synthetic shop it always earns 1.
 */
export function scriptedShopper(env: WebShopEnv, task: WebShopTask, options: ScriptedOptions = {}): Agent {
  const real = env.options.data !== undefined;
  const { rejections = 3, pages = real ? 1 : 5, searchOptions = real } = options;
  return speaking(new CarefulShopper(readInstruction(task.instruction), { rejections, pages, searchOptions }));
}

class CarefulShopper implements Shopper {
  readonly #request: Request;
  readonly #matcher: Matcher;
  readonly #options: Required<ScriptedOptions>;
  #pagesLeft: number;
  /** Products that were left again, with how many of the wanted options they have. */
  readonly #rejected = new Map<string, number>();
  #opened = '';
  #settled = false;
  #toChoose: string[] | undefined;

  constructor(request: Request, options: Required<ScriptedOptions>) {
    this.#request = request;
    this.#matcher = new Matcher(request);
    this.#options = options;
    this.#pagesLeft = options.pages - 1;
  }

  decide(page: Reading): Move {
    if (page.kind === 'search') return { action: `search[${queryOf(this.#words())}]`, thought: thoughts.search };
    if (page.kind === 'sub-page') return { action: 'click[< prev]', thought: thoughts.leave };
    return page.kind === 'results' ? this.#onResults(page.listings) : this.#onItem(page.values);
  }

  #words(): string {
    const { stem, options } = this.#request;
    return this.#options.searchOptions ? [stem, ...options.map(({ name, value }) => `${name} ${value}`)].join(' ') : stem;
  }

  #onResults(listings: readonly Listing[]): Move {
    const untried = listings.filter(({ code }) => !this.#rejected.has(code));
    const best = this.#options.searchOptions ? untried[0] : this.#matcher.best(untried);
    if (best !== undefined && this.#rejected.size === 0 && this.#pagesLeft > 0 && !this.#matcher.namesAll(best)) {
      this.#pagesLeft--;
      return { action: 'click[next >]', thought: thoughts.turn };
    }
    if (best !== undefined && this.#rejected.size < this.#options.rejections) return this.#openProduct(best.code);
    this.#settled = true;
    const [settled] = [...this.#rejected].sort((a, b) => b[1] - a[1]);
    if (settled === undefined) return { action: 'click[back to search]', thought: thoughts.again };
    return this.#openProduct(settled[0]);
  }

  #openProduct(code: string): Move {
    this.#opened = code;
    return { action: `click[${code}]`, thought: thoughts.open };
  }

  #onItem(values: readonly string[]): Move {
    if (this.#toChoose === undefined) {
      const found = this.#request.options.map(({ value }) => value).filter((value) => values.includes(value));
      if (found.length < this.#request.options.length && !this.#settled) {
        this.#rejected.set(this.#opened, found.length);
        return { action: 'click[< prev]', thought: thoughts.reject };
      }
      this.#toChoose = found;
    }
    return chooseOrBuy(this.#toChoose);
  }
}
