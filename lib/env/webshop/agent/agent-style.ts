import type { JsonObject } from '../../../util/json.ts';
import type { Observation } from '../../environment.ts';
import type { Layout } from '../pages/layout.ts';
import type { Outcome, Page } from '../shop/session.ts';

/** What can be done on a page. */
export interface Offer {
  /** Whether the page has a search bar. Searching works on every page all the same. */
  readonly searchBar: boolean;
  /** What can be clicked, in page order, lower-cased, `search` included. */
  readonly clickables: readonly string[];
}

/** What a style may tell of the shop after an action: what a person in a browser would see. */
export interface PageView extends Offer {
  readonly instruction: string;
  /** The page in the environment's layout, within its page budget. */
  readonly text: string;
  readonly page: Page;
  /** Agent turns and actions of the shop so far. */
  readonly turns: number;
  readonly actions: number;
  /** Infinite where the environment has no limit. */
  readonly actionsLeft: number;
}

/** How a style understood what a model said. */
export interface ReadTurn {
  /**
   * Actions of the shop (`search[…]`, `click[…]`) in the order in which to do them; those after the purchase are dropped. Empty when none
   * was found.
   */
  readonly actions: readonly string[];
  /** Whether the text had the form that was asked for. Score conventions may fine a turn that had not. */
  readonly formatted: boolean;
  /** What was said in thought, where the style has thoughts. */
  readonly thought?: string;
}

/** A turn after it was played. What it was paid is no part of it: shaping knows which product was meant, and a model must not be told. */
export interface PlayedTurn {
  readonly said: string;
  readonly read: ReadTurn;
  /** Of the last action; `nothing` when there was none. */
  readonly outcome: Outcome;
}

/** One episode in a style; remembers what the style shows again. */
export interface Dialogue {
  /** What the model sees; `last` is missing in the first observation. */
  observe(view: PageView, last?: PlayedTurn): Observation;
  /** What the model's text asks for on the page that it saw last. Never throws: a text can say anything. */
  read(said: string, offer: Offer): ReadTurn;
}

/**
 * How models are spoken to and understood: prompt, parser and limits of one project. Pages, transitions and scores are the same in all
 * styles.
 */
export interface AgentStyle {
  /** Part of the environment's config: changes whenever texts or reading change. */
  readonly name: string;
  /** Settings that change texts or reading; part of the environment's config. */
  readonly config?: JsonObject;
  /** Layout of its pages unless the environment's options name another. */
  readonly layout?: Layout;
  /**
   * Whether the layout `compact` tells the whole page after every action: for prompts that do not show what was told before. Default false.
   */
  readonly wholePages?: boolean;
  /** Actions of an episode at most unless the environment's options name another number. Default: no limit but the rollout's. */
  readonly maxActions?: number;
  /**
   * Agent turns of an episode at most, those without an action included; the environment's `maxActions` raises it. Default: no limit but
   * the rollout's.
   */
  readonly maxTurns?: number;
  /** Tells pages in words of its own: layout and page budget mean nothing to it. Default false. */
  readonly ownPages?: boolean;
  begin(): Dialogue;
  /**
   * What a model would have to say for `read` to find this action: for agents written by hand. `thought` is left out where there is no
   * place for it; styles that number what a page lists look the number up in `view`.
   */
  say(action: string, thought?: string, view?: PageView): string;
}
