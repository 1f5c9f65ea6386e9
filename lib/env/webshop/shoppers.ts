import type { Rng } from '../../util/rng.ts';
import type { Agent } from '../agent.ts';
import { observationText } from '../observation-text.ts';
import { plainActions, searchMarker } from './agent/action-list.ts';
import { momentOf, requireMoment } from './agent/moment.ts';
import { type Listing, type Reading, type Request, readInstruction, readPage } from './reading.ts';
import { analyze } from './search/analyzer.ts';
import type { WebShopEnv, WebShopTask } from './webshop-env.ts';

/** An action of the shop, with the reason that is given where a style has a place for thoughts. */
interface Move {
  readonly action: string;
  readonly thought: string;
}

/** Decides on what a page offers; how that is said is the style's affair. */
interface Shopper {
  decide(page: Reading, random: Rng): Move;
}

/** Plays in whatever style the environment has. */
function speaking(shopper: Shopper): Agent {
  return {
    act(observation, random) {
      const moment = requireMoment(observation);
      const { action, thought } = shopper.decide(readPage(moment.view), random);
      return moment.style.say(action, thought, moment.view);
    },
  };
}

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

const thoughts = {
  search: 'I look for what is asked for.',
  turn: 'None of these names everything; the next page may.',
  open: 'This one fits best so far.',
  again: 'Nothing here fits, so I search again.',
  reject: 'It lacks an option that is asked for.',
  leave: 'I go back to the product.',
  choose: 'This option is asked for.',
  buy: 'It is as it should be, so I buy it.',
} as const;

function chooseOrBuy(toChoose: string[]): Move {
  const next = toChoose.shift();
  if (next === undefined) return { action: 'click[buy now]', thought: thoughts.buy };
  return { action: `click[${next}]`, thought: thoughts.choose };
}

/**
 * Any valid action, all equally likely; a search is for one to four words of the first observation. In WebShop the actions are the shop's
 * own in every style, said as the style wants them; in other environments they are what the observation lists.
 */
export function randomValidAgent(): Agent {
  let words: readonly string[] | undefined;
  return {
    act(observation, random) {
      const moment = momentOf(observation);
      words ??= (moment?.view.text ?? observationText(observation)).match(/[\p{L}\p{N}'-]+/gu) ?? ['any'];
      const actions = moment === undefined ? observation.validActions : plainActions(moment.view);
      const picked = random.pick(actions ?? [searchMarker]);
      const action = picked === searchMarker ? randomSearch(words, random) : picked;
      return moment === undefined ? action : moment.style.say(action, undefined, moment.view);
    },
  };
}

function randomSearch(words: readonly string[], random: Rng): string {
  const count = 1 + random.integer(4);
  return `search[${Array.from({ length: count }, () => random.pick(words)).join(' ')}]`;
}

/** Finds the listing that has most of the words that an instruction asks for. */
class Matcher {
  readonly #wanted: ReadonlySet<string>;
  readonly #priceUpper: number;

  constructor({ stem, priceUpper }: Request) {
    this.#wanted = new Set(analyze(stem));
    this.#priceUpper = priceUpper;
  }

  /** Most shared words first, a price that is too high counts like one word less; the earlier listing of equals. */
  best(listings: readonly Listing[]): Listing | undefined {
    const value = (listing: Listing): number => this.#shared(listing) - (listing.price > this.#priceUpper ? 1 : 0);
    return [...listings].sort((a, b) => value(b) - value(a))[0];
  }

  namesAll(listing: Listing): boolean {
    return this.#shared(listing) === this.#wanted.size;
  }

  #shared({ title }: Listing): number {
    return new Set(analyze(title).filter((term) => this.#wanted.has(term))).size;
  }
}

/** Words for the search bar: brackets and commas mean nothing to it and could be misread. */
function queryOf(text: string): string {
  return text
    .replace(/[[\],]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
