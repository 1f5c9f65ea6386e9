import { parseAction } from '../shop/session.ts';
import { plainActions } from './action-list.ts';
import type { AgentStyle, Dialogue, PageView, ReadTurn } from './agent-style.ts';
import { labelled } from './labels.ts';

/** AgentGym's in its form ReAct: a thought and an action under two labels, in one growing conversation; what cannot be read is told so. */
export const reactStyle: AgentStyle = {
  name: 'react',
  layout: 'full',
  begin: () => reactDialogue,
  say: (action, thought = 'I go on.') => `Thought: ${thought}\nAction: ${action}`,
};

const task = [
  'You shop in an online shop by following an instruction. In every turn you are told what you see and which actions there are, and answer with a thought and one action.',
  'There are two kinds of action:',
  'search[keywords]: searches the shop; possible where a search bar is offered.',
  'click[value]: clicks a button, a product or an option whose text is the value; it has to be among the values that are offered.',
  'Actions that are not possible change nothing. The keywords of a search are yours to choose.',
  'Answer in this form:',
  'Thought: what you think',
  'Action: search[keywords] or click[value]',
].join('\n');

const reactDialogue: Dialogue = {
  observe: (view, last) => {
    const told = pageAndActions(view);
    const validActions = plainActions(view);
    if (last === undefined) return { text: `${task}\n\n${told}`, validActions };
    return { text: last.read.formatted ? told : `Invalid Action.\n\n${told}`, validActions };
  },
  read: (said) => readReact(said),
};

function pageAndActions({ text, searchBar, clickables }: PageView): string {
  return `${text}\n\nSearch bar: ${searchBar ? 'yes' : 'no'}. Values that can be clicked: ${clickables.map((value) => `[${value}]`).join(' ')}`;
}

/** The line behind the last label `Action:`; nothing unless it has the form of an action. */
function readReact(said: string): ReadTurn {
  const found = labelled(said, 'action').at(-1);
  const thought = labelled(said.slice(0, found?.labelStart), 'thought').at(-1);
  const spoken = thought === undefined ? {} : { thought: said.slice(thought.start, found?.labelStart).trim() };
  const action = found === undefined ? '' : (said.slice(found.start).trimStart().split('\n', 1)[0]?.trim() ?? '');
  const { name, argument } = parseAction(action);
  const isAction = argument !== undefined && (name === 'search' || name === 'click');
  return isAction ? { actions: [action], formatted: true, ...spoken } : { actions: [], formatted: false, ...spoken };
}
