import { AStarPOError } from '../../../errors.ts';
import type { Goal } from '../catalogue/goals.ts';
import { describePage } from '../pages/describe-page.ts';
import { pageHtml } from '../pages/page-html.ts';
import { pageUrl } from '../pages/page-url.ts';
import type { PythonRandom } from '../python/python-random.ts';
import { kindOfData, openData } from '../shop/open-data.ts';
import { type Outcome, Session } from '../shop/session.ts';
import type { Shop } from '../shop/shop.ts';
import { checkTitles } from '../titles/title-tagger.ts';
import { keepGoals } from './kept-goals.ts';
import { NamedSession, type SessionRecord } from './session-record.ts';
import { type ResolvedTextShopOptions, resolveTextShopOptions, type TextShopOptions } from './text-shop-options.ts';
import { WeightedDraw } from './weighted-draw.ts';

const letters = [...'abcdefghijklmnopqrstuvwxyz'];

/** What a step tells. */
export interface TextShopStep {
  /** With earlier ones and actions before it where `numPrevObs` or `numPrevActions` ask for them. */
  readonly observation: string;
  /** 0 until the purchase, then its score in [0, 1]. */
  readonly reward: number;
  readonly done: boolean;
  readonly info: null;
}

/**
 * WebShop through the interface of the original's `WebAgentTextEnv`, for harnesses and recordings made for it: one shop, named sessions,
 * and every draw from one generator in the original's order (range prices, price bounds, the goals' order, `limitGoals`, then sessions and
 * searches for random products). The original's modes text, text_rich, html and url are the layouts `full`, `rich`, `html` and `url`.
 *
 * To train or evaluate use `WebShopEnv`, whose episodes do not depend on each other. Opening makes one session, as the original does.
 * Pages, actions and rewards are those of `WebShopEnv`, except that searching goes on after a purchase.
 */
export class TextShop {
  readonly #shop: Shop;
  readonly #options: ResolvedTextShopOptions;
  readonly #random: PythonRandom;
  /** Indices of the shop's goals that are kept. */
  readonly #goals: Uint32Array;
  readonly #draw: WeightedDraw;
  readonly #sessions = new Map<string, NamedSession>();
  /** What was assigned to goals, by their place. */
  readonly #assigned = new Map<number, string>();
  #toAssign: string | undefined;
  #session: NamedSession;
  /** Of the page that is shown. */
  #instruction = '';
  #observations: string[] = [];
  #actions: string[] = [];
  #outcome: Outcome | 'start' = 'start';
  #stepping = false;

  private constructor(shop: Shop, options: ResolvedTextShopOptions, random: PythonRandom) {
    this.#shop = shop;
    this.#options = options;
    this.#random = random;
    this.#goals = keepGoals(shop.goals, options, random);
    const weights = shop.goals.weights();
    this.#draw = new WeightedDraw(Float64Array.from(this.#goals, (index) => weights[index] as number));
    this.#session = this.#enter(null);
    this.#begin();
  }

  /** Errors: `ASTARPO_UNKNOWN_OPTION`, `ASTARPO_OPTION`, `ASTARPO_DATA`, `ASTARPO_IO`, `ASTARPO_TASKS` when no goal is kept. */
  static async open(options: TextShopOptions = {}): Promise<TextShop> {
    const resolved = resolveTextShopOptions(options, await kindOfData(options.data));
    let shop: Shop | undefined;
    try {
      const opened = await openData(resolved.shop, resolved.random);
      shop = opened.shop;
      checkTitles(resolved.shop.titles, shop.products);
      return new TextShop(shop, resolved, opened.random);
    } catch (error) {
      resolved.shop.titles.close();
      await shop?.close();
      throw error;
    }
  }

  /** How many goals can be asked for by number. */
  get goals(): number {
    return this.#goals.length;
  }

  /** The name of the session, with the prefix. */
  get session(): string {
    return this.#session.name;
  }

  /** What the shopper sees now, in the layout asked for. */
  get observation(): string {
    return describePage(this.#options.shop.layout, this.#session.shopper, {
      instruction: this.#instruction,
      outcome: this.#outcome,
      name: this.#session.name,
    });
  }

  /** Where the shopper is, whatever the layout. */
  get state(): { readonly url: string; readonly html: string; readonly instructionText: string } {
    const { page, search, subPages } = this.#session.shopper;
    return {
      url: pageUrl(page, this.#session.name, search),
      html: pageHtml(page, this.#instruction, subPages),
      instructionText: this.instructionText(),
    };
  }

  /**
   * Starts a session anew on the search page. A number is also the goal's index, from the end if negative; a text draws a goal by weight;
   * null, the default, makes up a name of ten letters and draws. A name that was used before keeps its goal. Returns the observation.
   *
   * Errors: `ASTARPO_TASKS` for a goal that does not exist, `ASTARPO_BUSY` during a step.
   */
  reset(session: number | string | null = null): string {
    this.#refuseDuringStep();
    this.#session = this.#enter(session);
    return this.#begin();
  }

  /**
   * Does `search[words]` or `click[target]`; anything else, and what cannot be clicked, changes nothing. Errors: `ASTARPO_BUSY` during
   * another step, `ASTARPO_ENVIRONMENT` for an action that is no text.
   */
  async step(action: string): Promise<TextShopStep> {
    this.#refuseDuringStep();
    if (typeof action !== 'string') throw new AStarPOError('ASTARPO_ENVIRONMENT', `expected text as an action, got ${typeof action}`);
    const { shopper } = this.#session;
    const before = shopper.page;
    this.#stepping = true;
    try {
      await shopper.prepare(action);
      this.#outcome = shopper.act(action);
    } finally {
      this.#stepping = false;
    }
    if (this.#outcome !== 'nothing') this.#assign();
    const score = this.#session.count(before, this.#outcome);
    const observation = this.observation;
    this.#actions.push(action);
    const told = this.#withHistory(observation);
    this.#observations.push(observation);
    return { observation: told, reward: score?.reward ?? 0, done: score !== undefined, info: null };
  }

  /** What the page offers: `search` is listed on the search page as in the original, though clicking it does nothing. */
  availableActions(): { readonly hasSearchBar: boolean; readonly clickables: readonly string[] } {
    const { shopper } = this.#session;
    return { hasSearchBar: shopper.page.kind === 'search', clickables: shopper.clickables() };
  }

  /** The text of the page's heading: `Instruction: …` on the search page, without the blank on the others. */
  instructionText(): string {
    return `Instruction:${this.#session.shopper.page.kind === 'search' ? ' ' : ''}${this.#instruction}`;
  }

  /**
   * Puts `text` in the place of the instruction of every goal that a page is shown for from now on; those goals keep it even after
   * `undefined` has ended that.
   */
  assignInstruction(text: string | undefined): void {
    this.#toAssign = text;
  }

  /** What is known of a session, by its name with the prefix; undefined for a name that was never used. Default the current one. */
  record(session: string = this.session): SessionRecord | undefined {
    const found = this.#sessions.get(session);
    return found?.record(this.#instructionOf(found));
  }

  /** Ends the search threads. Idempotent; a process also exits without it. */
  close(): Promise<void> {
    this.#options.shop.titles.close();
    return this.#shop.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #refuseDuringStep(): void {
    if (this.#stepping)
      throw new AStarPOError('ASTARPO_BUSY', 'expected the last step to have ended, got another call', { hint: 'await it' });
  }

  #enter(session: number | string | null): NamedSession {
    const base = session === null ? this.#random.choices(letters, 10).join('') : String(session);
    const name = this.#options.sessionPrefix + base;
    const known = this.#sessions.get(name);
    if (known !== undefined) {
      known.restart(this.#shopper(known.goal));
      return known;
    }
    const place = typeof session === 'number' ? this.#place(session) : this.#draw.draw(this.#random);
    const goal = this.#shop.goals.at(this.#goals[place] as number);
    const made = new NamedSession(name, place, goal, this.#shopper(goal));
    this.#sessions.set(name, made);
    return made;
  }

  #place(index: number): number {
    const { length } = this.#goals;
    if (Number.isInteger(index) && index >= -length && index < length) return index < 0 ? length + index : index;
    throw new AStarPOError('ASTARPO_TASKS', `expected a goal from ${-length} to ${length - 1}, got ${index}`);
  }

  #shopper(goal: Goal): Session {
    const { showAttributes, titles } = this.#options.shop;
    const random = () => this.#random;
    return new Session(this.#shop, goal, { random, showAttributes, nouns: titles.nouns, searchAfterPurchase: true });
  }

  #begin(): string {
    this.#outcome = 'start';
    this.#assign();
    const observation = this.observation;
    this.#observations = [observation];
    this.#actions = [];
    return observation;
  }

  #assign(): void {
    if (this.#toAssign !== undefined) this.#assigned.set(this.#session.goalIndex, this.#toAssign);
    this.#instruction = this.#instructionOf(this.#session);
  }

  #instructionOf({ goalIndex, goal }: NamedSession): string {
    return this.#assigned.get(goalIndex) ?? goal.instruction;
  }

  /** Oldest first: o0 [SEP] o1 [SEP] a2 [SEP] o2, an action before the observation that it led to. */
  #withHistory(observation: string): string {
    const { numPrevObs, numPrevActions } = this.#options;
    const texts = [observation];
    for (let back = 1; back <= Math.max(numPrevObs, numPrevActions); back++) {
      const [action, earlier] = [this.#actions.at(-back), this.#observations.at(-back)];
      if (back <= numPrevActions && action !== undefined) texts.push(action);
      if (back <= numPrevObs && earlier !== undefined) texts.push(earlier);
    }
    return texts.reverse().join(' [SEP] ');
  }
}
