import type { JsonObject } from '../../../util/json.ts';
import type { Score } from '../reward/reward.ts';
import type { Outcome, Page } from '../shop/session.ts';
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
  /** Whether the episode ends with this turn: by the purchase, or because no action is left. A limit of the rollout is not known here. */
  readonly over: boolean;
}

/** What a turn pays. */
export interface Payment {
  readonly reward: number;
  /** Named parts, for the record; they need not add up to `reward`. `score` always means the raw score and cannot be overwritten. */
  readonly rewards?: Readonly<Record<string, number>>;
}

/** How projects turn WebShop's score into rewards and success. */
export interface ScoreConvention {
  /** Part of the environment's config and of every result: changes whenever payments change. */
  readonly name: string;
  /** Numbers that decide what is paid; part of the environment's config. */
  readonly config?: JsonObject;
  /** Actions of an episode at most, unless the options or the style name another number. */
  readonly maxActions?: number;
  pay(turn: TurnFacts): Payment;
  /** Whether a purchase solved the task. */
  success(score: Score): boolean;
}

/** Pays for the way on top of a convention. */
export interface Shaping {
  /** Part of the environment's config, with `config`: changes whenever payments change. */
  readonly name: string;
  readonly config?: JsonObject;
  /** Of one episode, so it may remember. `pay` is called once a turn, in order, and gives what is added to the turn's reward. */
  begin(task: WebShopTask): { pay(turn: TurnFacts): number };
}
