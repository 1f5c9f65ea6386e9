import { createHash } from 'node:crypto';
import { type Goal, optionCount } from '../catalogue/goals.ts';
import type { Score } from '../reward/reward.ts';
import { subPageTitle } from '../shop/buttons.ts';
import type { Outcome, Page, Session } from '../shop/session.ts';

/** The parts of a score under the names that the original stores them by. */
export interface VerboseInfo {
  readonly r_type: number;
  readonly r_att: number;
  readonly w_att: number;
  readonly query_match: boolean;
  readonly category_match: boolean;
  readonly title_score: number;
  /** Left out, like its weight, where the goal asks for no option. */
  readonly r_option?: number;
  readonly w_option?: number;
  readonly r_price: boolean;
  readonly w_price: number;
}

/** What the shop remembers of a session; it lasts between resets. */
export interface SessionRecord {
  /** With the prefix. */
  readonly session: string;
  /** What the original's web pages give a worker as proof of the purchase; its text environment shows `None` instead. */
  readonly code: string;
  /** Place of the goal among the goals of this shop. */
  readonly goalIndex: number;
  readonly goal: Goal;
  /** Whether a purchase was made, ever; it, its reward and its parts stay through resets until the next purchase. */
  readonly done: boolean;
  readonly reward: number | undefined;
  readonly verboseInfo: VerboseInfo | undefined;
  /** Pieces of the last search and the page of its results; null before a search. */
  readonly keywords: readonly string[] | null;
  readonly page: number | null;
  /** The product that is looked at; null on the other pages. */
  readonly asin: string | null;
  /** Products opened since the search page was left. */
  readonly asins: ReadonlySet<string>;
  /** Option name to chosen value. */
  readonly options: ReadonlyMap<string, string>;
  /** How often since the search page was left: `search`, `asin`, `options`, `purchase`, `Description`, `Features`, … */
  readonly actions: ReadonlyMap<string, number>;
}

/** Ten hexadecimal digits in capitals: the beginning of the SHA-1 of a session's name. */
export function purchaseCode(session: string): string {
  return createHash('sha1').update(session).digest('hex').slice(0, 10).toUpperCase();
}

/** Parts of a score with the weights that they have in the reward. */
export function verboseInfo(score: Score, goal: Goal): VerboseInfo {
  const options = optionCount(goal.options);
  const parts = goal.attributes.length + options + 1;
  return {
    r_type: score.typeFactor,
    r_att: score.attributes,
    w_att: goal.attributes.length / parts,
    query_match: score.queryMatch,
    category_match: score.categoryMatch,
    title_score: score.titleScore,
    ...(score.options === undefined ? {} : { r_option: score.options, w_option: options / parts }),
    r_price: score.price,
    w_price: 1 / parts,
  };
}

/** One named session: its goal for good, its way through the shop since the last reset. */
export class NamedSession {
  readonly name: string;
  readonly goalIndex: number;
  readonly goal: Goal;
  #shopper: Session;
  #actions = new Map<string, number>();
  #reward: number | undefined;
  #verboseInfo: VerboseInfo | undefined;

  constructor(name: string, goalIndex: number, goal: Goal, shopper: Session) {
    this.name = name;
    this.goalIndex = goalIndex;
    this.goal = goal;
    this.#shopper = shopper;
  }

  get shopper(): Session {
    return this.#shopper;
  }

  /** Back on the search page; what was bought before stays known. */
  restart(shopper: Session): void {
    this.#shopper = shopper;
    this.#actions = new Map();
  }

  /** Counts an action that led from `before` to the shopper's page. Returns the score of a purchase. */
  count(before: Page, outcome: Outcome): Score | undefined {
    const { page } = this.#shopper;
    if (outcome === 'nothing') return undefined;
    if (page.kind === 'search') this.#actions = new Map();
    const name = actionName(before, page, outcome);
    if (name !== undefined) this.#actions.set(name, (this.#actions.get(name) ?? 0) + 1);
    if (page.kind !== 'done') return undefined;
    this.#reward = page.score.reward;
    this.#verboseInfo = verboseInfo(page.score, this.goal);
    return page.score;
  }

  /** As it is now; `instruction` is what the goal says by now. */
  record(instruction: string): SessionRecord {
    const { page, search, visited } = this.#shopper;
    const searched = search.query !== '';
    return {
      session: this.name,
      code: purchaseCode(this.name),
      goalIndex: this.goalIndex,
      goal: { ...this.goal, instruction },
      done: this.#reward !== undefined,
      reward: this.#reward,
      verboseInfo: this.#verboseInfo,
      keywords: searched ? search.query.split(' ') : null,
      page: searched ? search.number : null,
      asin: 'product' in page ? page.product.asin : null,
      asins: new Set(visited),
      options: 'chosen' in page ? new Map(page.chosen) : new Map(),
      actions: new Map(this.#actions),
    };
  }
}

function actionName(before: Page, after: Page, outcome: Outcome): string | undefined {
  if (outcome === 'option') return 'options';
  if (after.kind === 'results') return 'search';
  if (after.kind === 'done') return 'purchase';
  if (after.kind === 'sub-page') return subPageTitle(after.name);
  // From a sub-page one comes back to a product that was counted before.
  return after.kind === 'item' && before.kind === 'results' ? 'asin' : undefined;
}
