import { pythonStrip } from '../python/python-text.ts';
import { clicksOf } from './action-list.ts';
import type { StyleSettings } from './agent-options.ts';
import type { AgentStyle, Dialogue, Offer, PageView, PlayedTurn, ReadTurn } from './agent-style.ts';
import { afterInstruction, isLonger, joinSegments } from './text-segments.ts';
import { type ToldTurn, ToldTurns } from './told-turns.ts';

/** What verl-agent offers: a search where there is a search bar, and everything that can be clicked, the search button too. */
function offered(offer: Offer): string[] {
  return [...(offer.searchBar ? ['search[<your query>]'] : []), ...clicksOf(offer)];
}

/**
 * verl-agent's (GiGPO's): every step is a context of its own, with the task, the last steps, the page and all actions. Its limits: 15
 * steps, of which an answer that was not understood is one, and 13,000 characters, past which the steps before are left out.
 */
export function verlAgentStyle({ history = 2, promptLimit = 13_000 }: StyleSettings): AgentStyle {
  return {
    name: 'verl-agent',
    config: { history, promptLimit },
    layout: 'full',
    wholePages: true,
    maxActions: 15,
    maxTurns: 15,
    begin: () => new VerlAgentDialogue(history, promptLimit),
    say: (action, thought = '') => `<think>${thought}</think>\n<action>${action}</action>`,
  };
}

class VerlAgentDialogue implements Dialogue {
  readonly #told: ToldTurns;
  readonly #promptLimit: number;

  constructor(history: number, promptLimit: number) {
    this.#told = new ToldTurns(history);
    this.#promptLimit = promptLimit;
  }

  observe(view: PageView, last?: PlayedTurn) {
    const page = quotedPage(view);
    this.#told.add(page, last);
    const whole = promptOf(view, page, this.#told.latest);
    const text = isLonger(whole, this.#promptLimit) ? promptOf(view, page, []) : whole;
    return { text, validActions: offered(view), fresh: true };
  }

  read(said: string): ReadTurn {
    return readVerlAgent(said);
  }
}

function promptOf(view: PageView, page: string, turns: readonly ToldTurn[]): string {
  const { turns: steps } = view;
  const first = steps - turns.length + 1;
  const told = turns.map(({ page, action = '' }, i) => `[Observation ${first + i}: '${page}', Action ${first + i}: '${action}']`);
  const past =
    told.length === 0
      ? []
      : [
          `You have taken ${steps} ${steps === 1 ? 'step' : 'steps'} so far. The latest of them, each with the page that was shown and what you did:`,
          ...told,
          `This is step ${steps + 1}.`,
        ];
  return [
    'You are an expert agent who shops in the e-commerce environment WebShop.',
    `Your task: ${view.instruction}.`,
    ...past,
    `The page that you see now: ${page}.`,
    'What you may do now:',
    '[',
    ...offered(view).map((action) => `'${action}',`),
    ']',
    '',
    'Decide on your next action. First reason step by step about where you stand, between the tags <think> and </think>. Then choose one of the actions above and give it between the tags <action> and </action>.',
  ].join('\n');
}

/** The texts of the page behind the task, each in single quotes; the page as it is where the task does not stand in it. */
function quotedPage({ text, instruction }: PageView): string {
  const segments = afterInstruction(text, pythonStrip(instruction));
  return segments === undefined ? text : joinSegments(segments.map((segment) => `'${segment}'`));
}

const chinese = /[\u4e00-\u9fff]/;

/** Everything is lower-cased; without action tags the end of the text is the action, whatever it says. */
function readVerlAgent(said: string): ReadTurn {
  const lower = said.toLowerCase();
  const start = lower.indexOf('<action>');
  const end = lower.indexOf('</action>');
  const [open, close] = [said.indexOf('<think>'), said.indexOf('</think>')];
  const thought = open >= 0 && close >= 0 ? { thought: said.slice(open + '<think>'.length, close).trim() } : {};
  if (start < 0 || end < 0) return { actions: [lastCharacters(lower, 20)], formatted: false, ...thought };
  const action = pythonStrip(lower.slice(start + '<action>'.length, end));
  return { actions: [action], formatted: open >= 0 && close >= 0 && !chinese.test(said), ...thought };
}

function lastCharacters(text: string, count: number): string {
  return [...text.slice(-2 * count)].slice(-count).join('');
}
