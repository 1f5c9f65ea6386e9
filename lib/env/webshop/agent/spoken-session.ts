import type { Observation } from '../../environment.ts';
import { describePage } from '../pages/describe-page.ts';
import { fitPage } from '../pages/fit-page.ts';
import type { ActionFacts } from '../scoring/scoring.ts';
import type { Outcome, Session } from '../shop/session.ts';
import type { ResolvedOptions } from '../webshop-options.ts';
import type { Dialogue, Offer, PageView, PlayedTurn, ReadTurn } from './agent-style.ts';
import { rememberMoment } from './moment.ts';

export interface SpokenOptions extends Pick<ResolvedOptions, 'style' | 'layout' | 'maxActions' | 'maxTurns' | 'pageBudget'> {
  readonly instruction: string;
  /** The session's name in URLs. */
  readonly name: string;
}

/** A turn as it was understood and done. */
export interface HeardTurn {
  readonly read: ReadTurn;
  readonly actions: readonly ActionFacts[];
  /** Of the last action; `nothing` when there was none. */
  readonly outcome: Outcome;
}

/** A session that is spoken to in a style: texts lead to actions, pages to observations. It pays nothing. */
export class SpokenSession {
  readonly session: Session;
  readonly first: Observation;
  readonly #options: SpokenOptions;
  readonly #dialogue: Dialogue;
  #turns = 0;
  #actions = 0;

  constructor(session: Session, options: SpokenOptions) {
    this.session = session;
    this.#options = options;
    this.#dialogue = options.style.begin();
    this.first = this.#observe('start');
  }

  /** By a purchase, or because no action or turn is left. */
  get over(): boolean {
    const { maxActions, maxTurns } = this.#options;
    return this.session.page.kind === 'done' || this.#actions >= maxActions || this.#turns >= maxTurns;
  }

  /** Reads what a model said and does it. */
  hear(said: string): HeardTurn {
    const hearing = this.hearing(said);
    for (let next = hearing.next(); ; next = hearing.next()) if (next.done === true) return next.value;
  }

  /** `hear` that yields every query before it is searched for, so that the caller can wait for the answer first. */
  *hearing(said: string): Generator<string, HeardTurn, undefined> {
    const read = this.#dialogue.read(said, this.#offer());
    const actions = yield* this.#play(read.actions);
    this.#turns++;
    return { read, actions, outcome: actions.at(-1)?.outcome ?? 'nothing' };
  }

  /** What the model sees after a turn. */
  answer(turn: PlayedTurn): Observation {
    return this.#observe(turn.outcome, turn);
  }

  /** Does the actions, until one buys or none is left. */
  *#play(actions: readonly string[]): Generator<string, ActionFacts[], undefined> {
    const played: ActionFacts[] = [];
    for (const action of actions) {
      const before = this.session.page;
      if (before.kind === 'done' || this.#actions >= this.#options.maxActions) break;
      const query = this.session.queryFor(action);
      if (query !== undefined) yield query;
      const outcome = this.session.act(action);
      this.#actions++;
      played.push({ action, outcome, before, after: this.session.page });
    }
    return played;
  }

  #observe(outcome: Outcome | 'start', last?: PlayedTurn): Observation {
    const view = this.#look(outcome);
    return rememberMoment(this.#dialogue.observe(view, last), { view, style: this.#options.style });
  }

  #offer(): Offer {
    return { searchBar: this.session.page.kind === 'search', clickables: this.session.clickables() };
  }

  #look(outcome: Outcome | 'start'): PageView {
    const { instruction, name, layout, style, maxActions, pageBudget } = this.#options;
    const { page, subPages, search, visited } = this.session;
    const visit = { instruction, outcome: style.wholePages === true && outcome !== 'start' ? 'page' : outcome, name } as const;
    return {
      ...this.#offer(),
      instruction,
      text: fitPage(page, pageBudget, (fitting) => describePage(layout, { page: fitting, subPages, search, visited }, visit)),
      page,
      turns: this.#turns,
      actions: this.#actions,
      actionsLeft: maxActions - this.#actions,
    };
  }
}
