import { AStarPOError, isAStarPOError } from '../../errors.ts';
import type { JsonValue } from '../../util/json.ts';
import { chooseMarks } from './marked-text.ts';
import type { ChatMessage, Tool } from './message.ts';
import type { Padding } from './template-probe.ts';
import { splitTurn, type TurnRenderer } from './turn-renderer.ts';

/** What an agent might say: an action, and one that it thought about first. */
const sayings = ['look around', '<think>\nfirst I look\n</think>\n\nlook around'];

/** Turns of one kind in a row are looked at so often: what a template does to earlier turns shows by then. */
const deepest = 6;

/** Where the text of a conversation as it grew and its rendering part ways. */
interface Difference {
  readonly turn: number;
  readonly grown: string;
  readonly rendered: string;
}

/**
 * Whether a template is prefix-preserving: the rendering of a longer conversation must begin with that of the shorter one, followed by
 * what the agent said. Each order of roles is looked at once, with agent turns made up here.
 */
export class ExtendsCheck {
  readonly #renderer: TurnRenderer;
  /** Name of the token that models end their turns with. */
  readonly #endName: string;
  readonly #padding: Padding;
  readonly #seen = new Set<string>();

  constructor(renderer: TurnRenderer, endName: string, padding: Padding) {
    this.#renderer = renderer;
    this.#endName = endName;
    this.#padding = padding;
  }

  /** Before anything is said: goes on with two turns of the likely kind. Throws ASTARPO_CHAT_TEMPLATE. */
  opening(messages: readonly ChatMessage[], tools: readonly Tool[] | undefined): void {
    for (const answer of likelyAnswers(tools)) {
      try {
        this.next(messages, [answer, answer], tools);
        return;
      } catch (error) {
        // A template that refuses these messages may never get them; the first real answer is looked at when it comes.
        if (!isAStarPOError(error, 'ASTARPO_CHAT_TEMPLATE') || error instanceof NotExtending) throw error;
      }
    }
  }

  /** Before the last of `answers` is used. Throws ASTARPO_CHAT_TEMPLATE. */
  next(opening: readonly ChatMessage[], answers: readonly (readonly ChatMessage[])[], tools: readonly Tool[] | undefined): void {
    if (answers.length > deepest) return;
    const kind = JSON.stringify([tools !== undefined, [opening, ...answers].map(kindOf)]);
    if (this.#seen.has(kind)) return;
    const [plainOpening = [], ...plainAnswers] = withPlainContents([opening, ...answers]);
    for (const said of sayings) {
      const difference = this.#compare(plainOpening, plainAnswers, tools, said);
      if (difference !== undefined) throw new NotExtending(difference);
    }
    this.#seen.add(kind);
  }

  /** Whether what an agent says keeps white space at its edges. */
  keepsEdges(opening: readonly ChatMessage[], answer: readonly ChatMessage[]): boolean {
    return this.#compare(opening, [answer], undefined, ` \n${sayings[0]}\n `) === undefined;
  }

  #compare(
    opening: readonly ChatMessage[],
    answers: readonly (readonly ChatMessage[])[],
    tools: readonly Tool[] | undefined,
    said: string,
  ): Difference | undefined {
    const marks = chooseMarks([...opening, ...answers.flat(), ...(tools ?? [])] as JsonValue[]);
    const messages = [...opening];
    let text = this.#renderer.render(messages, tools);
    for (const [place, input] of answers.entries()) {
      const [turn, answer] = splitTurn(said, input);
      const { end = this.#endName, rest } = this.#renderer.tail(messages, turn, answer, tools, marks);
      messages.push(turn, ...answer);
      const rendered = this.#renderer.render(messages, tools);
      // What the agent says as tool calls is the template's own text of them.
      const spoken =
        turn.tool_calls === undefined
          ? this.#padding.before + said + this.#padding.behind
          : rendered.slice(text.length, -(end + rest).length);
      const grown = text + spoken + end + rest;
      if (grown !== rendered) return { turn: place + 1, grown, rendered };
      text = rendered;
    }
    return undefined;
  }
}

/**
 * The same messages with contents made up: a template that looks for a message by its contents must not be let pass because two happen
 * to be equal. A system message stays, since templates read switches in it.
 */
function withPlainContents(groups: readonly (readonly ChatMessage[])[]): ChatMessage[][] {
  let count = 0;
  return groups.map((messages) =>
    messages.map((message) =>
      message.role !== 'system' && typeof message.content === 'string' && message.tool_calls === undefined
        ? { ...message, content: `room ${++count}` }
        : message,
    ),
  );
}

/** The roles of messages, each once in a row. */
function kindOf(messages: readonly ChatMessage[]): string {
  const kinds = messages.map(({ role, tool_calls }) => (tool_calls === undefined ? role : 'call'));
  return kinds.filter((kind, i) => kind !== kinds[i - 1]).join(' ');
}

/** What may answer an agent: text; with tools their results, after a turn that is text or, for templates that want it so, data. */
function likelyAnswers(tools: readonly Tool[] | undefined): readonly (readonly ChatMessage[])[] {
  if (tools === undefined || tools.length === 0) return [[{ role: 'user', content: 'a room' }]];
  const name = (tools[0]?.function as { name?: string } | undefined)?.name ?? 'look';
  const id = 'call00001';
  const result: ChatMessage = { role: 'tool', name, tool_call_id: id, content: 'a room' };
  const call: ChatMessage = {
    role: 'assistant',
    content: '',
    tool_calls: [{ id, type: 'function', function: { name, arguments: { place: 'here' } } }],
  };
  return [[result], [call, result]];
}

class NotExtending extends AStarPOError {
  constructor({ turn, grown, rendered }: Difference) {
    let at = 0;
    while (at < grown.length && grown[at] === rendered[at]) at++;
    const excerpt = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 40), at + 60));
    super(
      'ASTARPO_CHAT_TEMPLATE',
      `expected a chat template that leaves earlier turns as they were said, got one that writes them anew after turn ${turn}: ` +
        `the conversation goes ${excerpt(grown)}, the template renders ${excerpt(rendered)}`,
      {
        hint:
          "chat: { earlierTurns: 'keep' } (--earlier-turns keep) trains on the conversation as it was said; or give other variables " +
          '(chat.variables, --chat-variable NAME=VALUE) or another template (chat.template, --chat-template FILE)',
      },
    );
  }
}
