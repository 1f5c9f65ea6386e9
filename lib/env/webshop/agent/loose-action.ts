import { oneLine } from '../pages/short-forms.ts';
import { labelled } from './labels.ts';
import { type OfferedValue, offeredValues } from './offered-value.ts';

/** An action that was found in a text, and what was thought before it. */
export interface LooseAction {
  readonly action: string | undefined;
  readonly thought: string | undefined;
}

/**
 * Finds the action in a text that was only asked for a form. In this order:
 *
 * 1. What stands before the first `</think>` is thought. A thought that begins and does not end goes up to the first action tag.
 * 2. Behind it: the first `<action>` (or `<answer>`) tag that holds an action, closed or not.
 * 3. The first label `Action:` with an action behind it on its line, or on the next that is not empty.
 * 4. All of it, if it is the name of something that can be clicked.
 * 5. The last line that is an action and nothing else.
 * 6. The last action in a line.
 * 7. Tags as in 2, inside of the thought.
 *
 * An action is `search[…]` or `click[…]`, in any case, also with round brackets, and up to the bracket that closes it; around it may stand
 * white space, quotes, asterisks, bullets, code fences and the marks that end a sentence. In tags and behind labels the bare name of
 * something that can be clicked is a click on it.
 */
export function looseAction(said: string, clickables: readonly string[]): LooseAction {
  const { thought, rest } = splitThought(said);
  const offered = offeredValues(clickables);
  const action =
    inTags(rest, offered) ?? behindLabel(rest, offered) ?? bareTarget(rest, offered) ?? inLines(rest, offered) ?? inTags(said, offered);
  return { action, thought };
}

function splitThought(said: string): { thought: string | undefined; rest: string } {
  const close = /<\/think(?:ing)?>/i.exec(said);
  const open = /<think(?:ing)?>/i.exec(said);
  if (close !== null) {
    const start = open !== null && open.index < close.index ? open.index + open[0].length : 0;
    return { thought: said.slice(start, close.index).trim(), rest: said.slice(close.index + close[0].length) };
  }
  if (open === null) return { thought: undefined, rest: said };
  const inside = said.slice(open.index + open[0].length);
  const tag = /<(?:action|answer)>/i.exec(inside);
  return { thought: inside.slice(0, tag?.index).trim(), rest: tag === null ? '' : inside.slice(tag.index) };
}

function inTags(text: string, offered: OfferedValue): string | undefined {
  const tags = [...text.matchAll(/<(\/?)(?:action|answer)>/gi)];
  for (const [place, tag] of tags.entries()) {
    if (tag[1] === '/') continue;
    const content = text.slice(tag.index + tag[0].length, tags[place + 1]?.index);
    const action = actionAt(content, offered) ?? bareTarget(content, offered);
    if (action !== undefined) return action;
  }
  return undefined;
}

function behindLabel(text: string, offered: OfferedValue): string | undefined {
  const labels = labelled(text, 'action');
  for (const [place, { start }] of labels.entries()) {
    const behind = text.slice(start, labels[place + 1]?.labelStart);
    const line = behind.split('\n').find((one) => bare(one) !== '' && !/^\s*```/.test(one)) ?? '';
    const action = actionAt(line, offered) ?? bareTarget(line, offered);
    if (action !== undefined) return action;
  }
  return undefined;
}

function inLines(text: string, offered: OfferedValue): string | undefined {
  let inside: string | undefined;
  for (const line of text.split('\n').reverse()) {
    const trimmed = bare(line);
    const found = actionWithEnd(trimmed, offered);
    if (found !== undefined && found.end === trimmed.length) return found.action;
    inside ??= lastInside(trimmed, offered);
  }
  return inside;
}

/** The last action in a line; tried are as many as a line that means one may name. */
function lastInside(line: string, offered: OfferedValue): string | undefined {
  const begins = Array.from(line.matchAll(/(?<![\p{L}\p{N}])(?:search|click) ?[[(]/giu), ({ index }) => index);
  for (const begin of begins.reverse().slice(0, 16)) {
    const action = actionAt(line.slice(begin), offered);
    if (action !== undefined) return action;
  }
  return undefined;
}

function bareTarget(text: string, offered: OfferedValue): string | undefined {
  const value = offered(oneLine(text)) ?? offered(bare(text));
  return value === undefined || value === 'search' ? undefined : `click[${value}]`;
}

/** The action that a text begins with; what follows does not matter. */
function actionAt(text: string, offered: OfferedValue): string | undefined {
  return actionWithEnd(bare(text), offered)?.action;
}

function actionWithEnd(text: string, offered: OfferedValue): { action: string; end: number } | undefined {
  const begin = /^(search|click)\s*([[(])/i.exec(text);
  if (begin === null) return undefined;
  const end = closing(text, begin[0].length - 1);
  if (end === undefined) return undefined;
  const given = oneLine(text.slice(begin[0].length, end));
  const name = begin[1]?.toLowerCase() === 'search' ? 'search' : 'click';
  // Brackets mean nothing to a search, and would part it. A value may have quotes of its own.
  const clicked = offered(given) ?? offered(unquoted(given)) ?? unquoted(given);
  const words = name === 'search' ? oneLine(unquoted(given).replace(/[[\]]/g, ' ')) : clicked;
  return words === '' ? undefined : { action: `${name}[${words}]`, end: end + 1 };
}

/** Where the bracket at `open` is closed. */
function closing(text: string, open: number): number | undefined {
  const [opens, closes] = text[open] === '[' ? '[]' : '()';
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === opens) depth++;
    else if (text[at] === closes && --depth === 0) return at;
  }
  return undefined;
}

/** Without the quotes around the whole of it. */
function unquoted(text: string): string {
  const [, inside = text] = /^(?:"(.*)"|'(.*)'|“(.*)”|‘(.*)’|`(.*)`)$/.exec(text)?.filter((part) => part !== undefined) ?? [];
  return inside.trim();
}

const leading: ReadonlySet<string> = new Set(' \t\n\r\f\v\u00a0`\'"“”‘’*•-');
const trailing: ReadonlySet<string> = new Set(' \t\n\r\f\v\u00a0`\'"“”‘’*.,;!');

/** Without what people and models put around a word: quotes, code fences with the name of a language, bullets, the end of a sentence. */
function bare(text: string): string {
  const fence = /^\s*```[a-z]*\n/i.exec(text);
  let start = fence === null ? 0 : fence[0].length;
  let end = text.length;
  while (start < end && leading.has(text[start] ?? '')) start++;
  while (end > start && trailing.has(text[end - 1] ?? '')) end--;
  return text.slice(start, end);
}
