import { pythonStrip } from '../python/python-text.ts';
import { plainActions } from './action-list.ts';
import type { AgentStyle, Dialogue, PageView, ReadTurn } from './agent-style.ts';
import { afterInstruction, joinSegments } from './text-segments.ts';

/**
 * gem's: the action stands in `\boxed{…}`, in one growing conversation that tells the instruction once. 15 turns. Searches that ask for
 * random products or those of a category (`<r>`, `<a>`, `<c>`, `<q>`) search for these words instead.
 */
export const boxedStyle: AgentStyle = {
  name: 'boxed',
  layout: 'full',
  maxTurns: 15,
  begin: () => boxedDialogue,
  say: (action, thought) => `${thought === undefined ? '' : `${thought}\n`}\\boxed{${action}}`,
};

const rules = [
  'You are in an online shop. Find and buy a product that fits the instruction.',
  'Each turn, choose one of the actions that are offered: search[words] with words of your choice, or click[value].',
  'Choose the options that the instruction asks for before click[buy now], which ends the task.',
  'Reason first, then give the action in \\boxed{}, for example \\boxed{search[wool socks]}.',
].join('\n');

const boxedDialogue: Dialogue = {
  observe: (view, last) => {
    const validActions = plainActions(view);
    const told = `${pageOf(view)}\nActions: ${validActions.join(', ')}`;
    if (last === undefined) return { text: `${rules}\nInstruction: ${view.instruction}\n\n${told}`, validActions };
    return { text: last.read.formatted ? told : `No action was found in \\boxed{}.\n${told}`, validActions };
  },
  read: (said) => readBoxed(said),
};

function pageOf({ text, instruction }: PageView): string {
  const segments = afterInstruction(text, pythonStrip(instruction));
  return segments === undefined ? text : joinSegments(segments);
}

/** The box that closes last. */
function readBoxed(said: string): ReadTurn {
  const box = lastBox(said);
  const action = box === undefined ? '' : pythonStrip(box.content);
  const thought = box === undefined ? {} : { thought: said.slice(0, box.start).trim() };
  if (action === '') return { actions: [], formatted: false, ...thought };
  return { actions: [action.replace(/^search\[(?=<[racq]>)/, 'search[ ')], formatted: true, ...thought };
}

/** Braces inside of a box are part of it as long as they close; one pass over the text. */
function lastBox(text: string): { start: number; content: string } | undefined {
  const open: { start: number; content: number | undefined }[] = [];
  let last: { start: number; content: number; end: number } | undefined;
  for (const match of text.matchAll(/\\boxed\{|[{}]/g)) {
    if (match[0] !== '}') {
      open.push({ start: match.index, content: match[0] === '{' ? undefined : match.index + match[0].length });
      continue;
    }
    const closed = open.pop();
    if (closed?.content !== undefined) last = { start: closed.start, content: closed.content, end: match.index };
  }
  return last === undefined ? undefined : { start: last.start, content: text.slice(last.content, last.end) };
}
