import { isAStarPOError } from '../../errors.ts';
import type { ChatTemplate } from './chat-template.ts';
import type { ExtendsCheck } from './extends-check.ts';
import { chooseMarks } from './marked-text.ts';
import type { ChatMessage, Tool } from './message.ts';
import type { TurnRenderer } from './turn-renderer.ts';

/** White space around what an agent says. */
export interface Padding {
  readonly before: string;
  readonly behind: string;
}

export const noPadding: Padding = { before: '', behind: '' };

/** What a template shows when it is tried out. */
export interface TemplateProbe {
  /** Name of the token that ends an agent turn; undefined if the template writes none. */
  readonly end: string | undefined;
  /** White space that the template writes before and behind what the agent says: a model trained with it says this itself. */
  readonly padding: Padding;
  /** Texts in which the template writes what parts the turns of a plain conversation. */
  readonly frame: readonly string[];
}

const content = 'a room';
const question: readonly ChatMessage[] = [{ role: 'user', content }];
const turn: ChatMessage = { role: 'assistant', content: 'look around' };
const tool: Tool = { type: 'function', function: { name: 'look', description: 'Looks.', parameters: { type: 'object', properties: {} } } };

export function probeTemplate(template: ChatTemplate, renderer: TurnRenderer): TemplateProbe {
  return (
    accepted(() => {
      const { before, space, end, rest } = renderer.tail(question, turn, question, undefined, chooseMarks([]));
      const prompt = renderer.render(question, undefined);
      const gap = before.startsWith(prompt) ? before.slice(prompt.length) : '';
      return {
        end,
        padding: { before: gap.trim() === '' ? gap : '', behind: space },
        frame: [prompt.slice(0, prompt.indexOf(content)), end ?? '', rest.slice(0, rest.lastIndexOf(content))],
      };
    }) ??
    // A template for conversations of a single turn.
    accepted(() => {
      const { end } = renderer.tail(question, turn, [], undefined, chooseMarks([]));
      return { end, padding: noPadding, frame: template.literals };
    }) ?? { end: undefined, padding: noPadding, frame: template.literals }
  );
}

/** Lets the template ask for the date, if it does so in any of the usual conversations. */
export function probeDate(renderer: TurnRenderer): void {
  const system: ChatMessage = { role: 'system', content };
  for (const messages of [question, [system, ...question]]) {
    for (const tools of [undefined, [tool]]) accepted(() => renderer.render(messages, tools));
  }
}

/** Whether agent turns lose white space at their edges, in a template that leaves them alone otherwise. */
export function trimsTurns(check: ExtendsCheck): boolean {
  const keeps = accepted(() => {
    check.next(question, [question], undefined);
    return check.keepsEdges(question, question);
  });
  return keeps === false;
}

/** What the template gives for a made-up conversation; undefined where it refuses that one, since it may never get such. */
function accepted<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isAStarPOError(error, 'ASTARPO_CHAT_TEMPLATE')) throw error;
    return undefined;
  }
}
