import type { ChatMessage, Tool } from '../../../model/chat/message.ts';
import type { JsonObject } from '../../../util/json.ts';
import { oneLine } from '../pages/short-forms.ts';
import { parseAction } from '../shop/session.ts';
import { plainActions } from './action-list.ts';
import type { CallFormat, StyleSettings } from './agent-options.ts';
import type { AgentStyle, Dialogue, Offer, PageView, PlayedTurn, ReadTurn } from './agent-style.ts';
import { offeredValues } from './offered-value.ts';
import { readCall, type ToolCall, writeCall } from './tool-call.ts';

/** Argument of each function. */
const functions = { search: 'keywords', click: 'value' } as const;

/** What the model may call, as JSON schemas. */
export const shopTools: readonly Tool[] = [
  tool('search', 'Searches the shop. Possible on every page.', 'Words that describe the product'),
  tool('click', 'Clicks a button, a product or an option of the page.', 'What is clicked: one of the values that can be clicked'),
];

function tool(name: keyof typeof functions, description: string, argument: string): Tool {
  const properties = { [functions[name]]: { type: 'string', description: argument } };
  return { type: 'function', function: { name, description, parameters: { type: 'object', properties, required: [functions[name]] } } };
}

/** Searching and clicking as functions that the model calls, pages as what they return, in one growing conversation. */
export function toolsStyle({ callFormat = 'hermes' }: StyleSettings): AgentStyle {
  return {
    name: 'tools',
    begin: () => new ToolsDialogue(),
    say: (action, thought) => `${thought === undefined ? '' : `${thought}\n`}${callFor(action, callFormat)}`,
  };
}

/** An action that is neither a search nor a click stays text, in which no call will be found. */
function callFor(action: string, format: CallFormat): string {
  const { name, argument } = parseAction(action);
  if (argument === undefined || !isFunction(name)) return action;
  return writeCall(name, { [functions[name]]: argument }, format);
}

const task = [
  'Buy a product in an online shop. Call one function in every turn: search to look for products, click to press a button, open a product or choose an option.',
  'Choose every option that is asked for before you click "buy now", which ends the task.',
].join(' ');

/** What a turn called, or why nothing could be done for it. */
type Heard = Understood | { readonly problem: string };

interface Understood {
  readonly name: keyof typeof functions;
  /** The argument as it was given. */
  readonly given: string;
  readonly action: string;
  readonly id: string | undefined;
}

class ToolsDialogue implements Dialogue {
  #calls = 0;
  #heard: Heard = { problem: '' };

  observe(view: PageView, last?: PlayedTurn) {
    const validActions = plainActions(view);
    if (last === undefined) {
      const content = `${task}\n\nWhat to buy: ${view.instruction}\n\n${pageAndValues(view)}`;
      return { messages: [{ role: 'user', content }], tools: shopTools, validActions };
    }
    if ('problem' in this.#heard)
      return { messages: [{ role: 'user', content: `${this.#heard.problem}\n\n${pageAndValues(view)}` }], validActions };
    return { messages: this.#reply(this.#heard, view, last), validActions };
  }

  read(said: string, offer: Offer): ReadTurn {
    const call = readCall(said);
    this.#heard =
      call === undefined ? { problem: 'No call of a function was found in that. Call search or click.' } : understood(call, offer);
    const thought = said
      .slice(0, call?.start)
      .replace(/<\/?think>/g, '')
      .trim();
    const actions = 'action' in this.#heard ? [this.#heard.action] : [];
    return { actions, formatted: actions.length > 0, ...(thought === '' ? {} : { thought }) };
  }

  /** The call as it was understood, for templates that want calls as data, and the page that it led to. */
  #reply({ name, given, id }: Understood, view: PageView, { outcome }: PlayedTurn): ChatMessage[] {
    this.#calls++;
    const notice = outcome === 'nothing' ? 'That is not possible on this page; nothing changed.\n\n' : '';
    // Some templates insist on nine letters and digits.
    const callId = id !== undefined && /^[A-Za-z0-9]{9}$/.test(id) ? id : `call${String(this.#calls).padStart(5, '0')}`;
    const call: JsonObject = { id: callId, type: 'function', function: { name, arguments: { [functions[name]]: given } } };
    return [
      { role: 'assistant', content: '', tool_calls: [call] },
      { role: 'tool', tool_call_id: callId, name, content: `${notice}${pageAndValues(view)}` },
    ];
  }
}

function pageAndValues({ text, clickables }: PageView): string {
  const values = clickables.filter((value) => value !== 'search');
  return values.length === 0 ? text : [text, '', 'Can be clicked:', ...values].join('\n');
}

function isFunction(name: string): name is keyof typeof functions {
  return Object.hasOwn(functions, name);
}

/**
 * The action of a call. Line breaks and brackets mean nothing to a search; a value in another case or with other spaces means the one
 * offered.
 */
function understood({ name, arguments: args, id }: ToolCall, { clickables }: Offer): Heard {
  if (!isFunction(name)) return { problem: `There is no function ${JSON.stringify(name.slice(0, 100))}. Call search or click.` };
  const given = args[functions[name]];
  const words = typeof given === 'string' ? oneLine(name === 'search' ? given.replace(/[[\]]/g, ' ') : given) : '';
  if (typeof given !== 'string' || words === '') return { problem: `The function ${name} takes one text, ${functions[name]}.` };
  return { name, given, id, action: `${name}[${name === 'click' ? (offeredValues(clickables)(words) ?? words) : words}]` };
}
