import { clicksOf, searchMarker } from './action-list.ts';
import type { StyleSettings } from './agent-options.ts';
import type { AgentStyle, Dialogue, Offer, PageView, PlayedTurn, ReadTurn } from './agent-style.ts';
import { looseAction } from './loose-action.ts';
import { isLonger } from './text-segments.ts';
import { type ToldTurn, ToldTurns } from './told-turns.ts';

/** All that does something: searches work on every page, the search button alone does nothing. */
function offered(offer: Offer): string[] {
  return [searchMarker, ...clicksOf(offer, 'search')];
}

/**
 * Our own, for models that follow instructions: short, tells what was chosen and what did not work, and reads whatever can be understood.
 * One growing conversation; with `history` every step is a context of its own that tells so many turns again.
 */
export function thinkActStyle({ history, promptLimit }: StyleSettings): AgentStyle {
  const limit = promptLimit ?? Number.POSITIVE_INFINITY;
  return {
    name: 'think-act',
    config: { ...(history === undefined ? {} : { history }), ...(promptLimit === undefined ? {} : { promptLimit }) },
    wholePages: true,
    begin: () => (history === undefined ? growing : new WindowedDialogue(history, limit)),
    say: (action, thought) => `${thought === undefined ? '' : `<think>${thought}</think>\n`}<action>${action}</action>`,
  };
}

function task({ instruction }: PageView): string {
  return [
    `Buy this in an online shop: ${instruction}`,
    '',
    'Each turn you see one page and do one action:',
    'search[words] looks for products; it works on every page.',
    'click[value] presses a button, opens a product by its code or chooses an option.',
    'Choose every option that is asked for, then click[buy now]: it ends the task, and what you bought is compared with what was asked for.',
    'Think first, as briefly as you can, inside <think></think>. Then give one action inside <action></action>, for example <action>search[wool socks]</action>.',
  ].join('\n');
}

function situation(view: PageView): string {
  const { page, text, actionsLeft } = view;
  const chosen = page.kind === 'item' || page.kind === 'sub-page' ? Array.from(page.chosen, ([name, value]) => `${name}: ${value}`) : [];
  return [
    'Page:',
    text,
    ...(chosen.length === 0 ? [] : [`Chosen so far: ${chosen.join('; ')}`]),
    ...(actionsLeft === Number.POSITIVE_INFINITY ? [] : [`Actions left: ${actionsLeft}`]),
    'Possible actions:',
    ...offered(view),
  ].join('\n');
}

/** What went wrong in the last turn. */
function notice({ read, outcome }: PlayedTurn): string[] {
  if (read.actions.length === 0) return ['No action was found in that. Give one inside <action></action>.'];
  return outcome === 'nothing' ? ['That is not possible on this page; nothing changed.'] : [];
}

function read(said: string, { clickables }: Offer): ReadTurn {
  const { action, thought } = looseAction(said, clickables);
  const actions = action === undefined ? [] : [action];
  return { actions, formatted: action !== undefined, ...(thought === undefined ? {} : { thought }) };
}

const growing: Dialogue = {
  observe: (view, last) => ({
    text: [...(last === undefined ? [task(view), ''] : notice(last)), situation(view)].join('\n'),
    validActions: offered(view),
  }),
  read,
};

class WindowedDialogue implements Dialogue {
  readonly #told: ToldTurns;
  readonly #promptLimit: number;

  constructor(history: number, promptLimit: number) {
    this.#told = new ToldTurns(history);
    this.#promptLimit = promptLimit;
  }

  observe(view: PageView, last?: PlayedTurn) {
    this.#told.add(view.text, last);
    const parts = { view, notices: last === undefined ? [] : notice(last) };
    let told = this.#told.latest;
    let text = this.#prompt(told, parts);
    while (told.length > 0 && isLonger(text, this.#promptLimit)) {
      told = told.slice(1);
      text = this.#prompt(told, parts);
    }
    return { text, validActions: offered(view), fresh: true };
  }

  #prompt(told: readonly ToldTurn[], { view, notices }: { view: PageView; notices: readonly string[] }): string {
    const first = view.turns - told.length + 1;
    const past = told.map(
      ({ page, action = 'nothing that could be understood' }, i) => `Turn ${first + i}:\n${page}\nYou did: ${action}\n`,
    );
    const now = view.turns === 0 ? [] : [`Now turn ${view.turns + 1}.`];
    return [task(view), '', ...past, ...now, ...notices, situation(view)].join('\n');
  }

  read(said: string, offer: Offer): ReadTurn {
    return read(said, offer);
  }
}
