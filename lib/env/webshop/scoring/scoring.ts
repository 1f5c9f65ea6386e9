import type { JsonObject } from '../../../util/json.ts';
import type { Score } from '../reward.ts';
import type { Outcome, Page } from '../session.ts';
import type { WebShopTask } from '../webshop-env.ts';

/** One action of the shop and what it did. */
export interface ActionFacts {
  readonly action: string;
  readonly outcome: Outcome;
  readonly before: Page;
  readonly after: Page;
}

/** One agent turn, for those who pay for it. */
export interface TurnFacts {
  /** Whether the text had the form that the style asks for. */
  readonly formatted: boolean;
  readonly actions: readonly ActionFacts[];
  /** Of the purchase, in the turn that made one. */
  readonly score: Score | undefined;
  /** Whether the episode ends with this turn: by the purchase, or because no action is left. */
  readonly over: boolean;
}

/** What a turn pays. */
export interface Payment {
  readonly reward: number;
  /** Named parts, for the record; they need not add up to `reward`. */
  readonly rewards?: Readonly<Record<string, number>>;
}

/** How projects turn WebShop's score into rewards and success. */
export interface ScoreConvention {
  /** Part of the environment's config and of every result: changes whenever payments change. */
  readonly name: string;
  readonly config?: JsonObject;
  pay(turn: TurnFacts): Payment;
  /** Whether a purchase solved the task. */
  success(score: Score): boolean;
}

/** Pays for the way on top of a convention; one object per episode, so it may remember. */
export interface Shaping {
  readonly name: string;
  readonly config?: JsonObject;
  begin(task: WebShopTask): { pay(turn: TurnFacts): Payment };
}
