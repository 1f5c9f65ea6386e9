import { isPythonSpace, pythonStrip } from '../python/python-text.ts';
import { clicksOf } from './action-list.ts';
import type { StyleSettings } from './agent-options.ts';
import type { AgentStyle, Dialogue, Offer, PageView, ReadTurn } from './agent-style.ts';

/** What RAGEN offers: on an empty list of results `next >` is left out. */
function offered(offer: Offer): string[] {
  const clicks = clicksOf(offer, 'search');
  const turnsOnly = clicks.includes('click[next >]') && clicks.every((click) => pageTurns.has(click));
  return [...(offer.searchBar ? ['search[<content>]'] : []), ...(turnsOnly ? clicks.filter((click) => click !== 'click[next >]') : clicks)];
}

const pageTurns: ReadonlySet<string> = new Set(['click[back to search]', 'click[< prev]', 'click[next >]']);

const systemLine = 'You are a helpful shopper who plays a game in several turns.';

const instructionText =
  'You shop in an online shop until you have bought the product that you are asked for. In every turn you are shown a page; answer with one of the actions that it offers, for example <answer>search[blanket with fleece throw]</answer>.';

const hints = [
  'Buy something within 10 actions; it need not match in every point.',
  'Leave sizes and colors out of what you search for.',
  'Search twice at most.',
  'Do not be too strict when you compare a product with the task.',
  'Rather click a product of this page than turn to another page.',
  'You should hardly ever need next > more than twice.',
  'You should hardly ever need < prev.',
  'With fewer than 3 actions left, buy the first product.',
  'On the page of a product choose first the size, then the color, one at a time, if there are any, and then click buy now; with one action left just buy. Never open the description.',
].join('\n');

/**
 * RAGEN's: one growing conversation whose turns tell the page with hints and the allowed actions, the reward and how many actions are left.
 * Its limits: 9 actions and 9 turns; an answer that cannot be read uses up a turn but no action.
 */
export function ragenStyle({ actionsPerTurn = 1 }: StyleSettings): AgentStyle {
  return {
    name: 'ragen',
    config: { actionsPerTurn },
    layout: 'full',
    maxActions: 9,
    maxTurns: 9,
    begin: () => ragenDialogue(actionsPerTurn),
    say: (action, thought = '') => `<think>${thought}</think><answer>${action}</answer>`,
  };
}

function ragenDialogue(actionsPerTurn: number): Dialogue {
  return {
    observe: (view, last) => {
      const validActions = offered(view);
      const turn = `\nTurn ${view.turns + 1}:\nState:\n${state(view, validActions)}\n${reminder(view)}`;
      if (last !== undefined) return { text: `Reward:\n${scoreOf(view)}\n${turn}`, validActions };
      const messages = [
        { role: 'system', content: systemLine },
        { role: 'user', content: `${instructionText}${turn}` },
      ];
      return { messages, validActions };
    },
    read: (said) => readRagen(said, actionsPerTurn),
  };
}

/** What the shop itself paid, whatever a score convention makes of it. */
function scoreOf({ page }: PageView): number {
  return page.kind === 'done' ? page.score.reward : 0;
}

/** Until something was done, RAGEN tells the instruction in place of the page. */
function state({ text, instruction, actions: done }: PageView, actions: readonly string[]): string {
  const page = done === 0 ? `Instruction: ${instruction}` : text;
  return `${page}.${hints}\nYou may choose from these actions: ${actions.join(', ')}.`;
}

function reminder({ actionsLeft }: PageView): string {
  const left = actionsLeft === Number.POSITIVE_INFINITY ? '' : `You have ${actionsLeft} actions left. `;
  return `${left}Always answer in the form <think> [your thoughts] </think> <answer> [your answer] </answer>, without any other text. Your answer may have 200 words (tokens) at most.`;
}

/**
 * The prompt ends inside a thought, so the text is read as if it began with `<think>`; one that says so itself is read the same. What
 * follows is an answer, whose actions `||` parts.
 */
function readRagen(said: string, actionsPerTurn: number): ReadTurn {
  const found = thoughtAndAnswer(said);
  if (found === undefined) return { actions: [], formatted: false };
  const parts = bare(found.answer).split('||').map(pythonStrip);
  const actions = parts.filter((action) => action !== '').slice(0, actionsPerTurn);
  return { actions, formatted: actions.length > 0, thought: bare(found.thought) };
}

function thoughtAndAnswer(said: string): { thought: string; answer: string } | undefined {
  for (let at = said.indexOf('</think>'); at >= 0; at = said.indexOf('</think>', at + 1)) {
    let start = at + '</think>'.length;
    while (isPythonSpace(said.charCodeAt(start))) start++;
    if (!said.startsWith('<answer>', start)) continue;
    start += '<answer>'.length;
    const end = said.indexOf('</answer>', start);
    return end < 0 ? undefined : { thought: said.slice(0, at), answer: said.slice(start, end) };
  }
  return undefined;
}

const tags = ['<think>', '</think>', '<answer>', '</answer>', '<|im_start|>', '<|im_end|>'];

/** Without tags that the text itself names, one kind after the other. */
function bare(text: string): string {
  return pythonStrip(tags.reduce((rest, tag) => rest.replaceAll(tag, ''), text));
}
