import { type Goal, optionCount } from '../catalogue/goals.ts';
import { matchedOptions, ofSameKind } from '../reward/reward.ts';
import { type Page, parseAction } from '../shop/session.ts';
import { contentTerms, coveredShare } from './content-words.ts';
import type { ActionFacts, TurnFacts } from './scoring.ts';

/** How far an episode has come, as told with each of its turns. Shares are in [0, 1]. */
export type Signals = {
  /** Share of the instruction's content words in the last search, and in the best one so far; 0 before the first. */
  readonly query: number;
  readonly bestQuery: number;
  /** Whether the product that was asked for was among shown results, and whether its page was opened. */
  readonly targetShown: boolean;
  readonly targetOpened: boolean;
  /** Whether a page was opened of a product found by the goal's query, or with two levels of its category. */
  readonly kindOpened: boolean;
  /** Share of the wanted options that are chosen on the present page; 1 where none is wanted. */
  readonly options: number;
  /** Pages shown so far, one shown twice counted twice. */
  readonly pages: number;
};

/** Follows one episode towards its goal. Knows what the agent does not: which product was meant. */
export class Progress {
  readonly #goal: Goal;
  readonly #terms: ReadonlySet<string>;
  #signals: Signals = {
    ...{ query: 0, bestQuery: 0, options: 0, pages: 0 },
    ...{ targetShown: false, targetOpened: false, kindOpened: false },
  };

  constructor(goal: Goal) {
    this.#goal = goal;
    this.#terms = contentTerms(goal);
  }

  /** Takes in one turn and says how far the episode is after it. */
  after(turn: TurnFacts): Signals {
    for (const action of turn.actions) this.#signals = this.#advance(action);
    return this.#signals;
  }

  #advance({ action, outcome, after }: ActionFacts): Signals {
    const last = this.#signals;
    if (outcome === 'nothing') return last;
    const { name, argument = '' } = parseAction(action);
    const query = name === 'search' ? coveredShare(this.#terms, argument) : last.query;
    const product = 'product' in after ? after.product : undefined;
    return {
      query,
      bestQuery: Math.max(last.bestQuery, query),
      targetShown: last.targetShown || (after.kind === 'results' && after.shown.some(({ asin }) => asin === this.#goal.asin)),
      targetOpened: last.targetOpened || product?.asin === this.#goal.asin,
      kindOpened: last.kindOpened || (product !== undefined && ofSameKind(product, this.#goal)),
      options: this.#chosenShare(after),
      pages: last.pages + (outcome === 'page' ? 1 : 0),
    };
  }

  #chosenShare(page: Page): number {
    if (!('chosen' in page)) return 0;
    const wanted = optionCount(this.#goal.options);
    return wanted === 0 ? 1 : matchedOptions([...page.chosen.values()], this.#goal.options) / wanted;
  }
}
