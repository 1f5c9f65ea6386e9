import { AStarPOError } from '../../errors.ts';
import type { JsonObject } from '../../util/json.ts';
import type { ChatTemplate } from './chat-template.ts';
import type { Marks } from './marked-text.ts';
import { type ChatInput, type ChatMessage, messagesOf, type Tool } from './message.ts';

/** Text that a template writes around what an agent said. */
export interface TurnTail {
  /** All that comes before it. */
  readonly before: string;
  /** White space before the token that ends the turn. */
  readonly space: string;
  /** Name of that token; undefined where the template writes none. */
  readonly end: string | undefined;
  /** All that follows, up to where the agent speaks again. */
  readonly rest: string;
}

/** An agent turn as a message, and the messages that answer it. An assistant message at the head of these says how it was understood. */
export function splitTurn(said: string, input: ChatInput): [turn: ChatMessage, answer: readonly ChatMessage[]] {
  const [first, ...rest] = messagesOf(input);
  if (first?.role === 'assistant') return [first, rest];
  return [{ role: 'assistant', content: said }, messagesOf(input)];
}

/** Renders conversations up to where the agent speaks, and finds what follows an agent turn. */
export class TurnRenderer {
  readonly #template: ChatTemplate;
  readonly #variables: JsonObject | undefined;
  /** Names of tokens that may end a turn, the longest first. */
  readonly #endNames: readonly string[];

  constructor(template: ChatTemplate, variables: JsonObject | undefined, endNames: Iterable<string>) {
    this.#template = template;
    this.#variables = variables;
    this.#endNames = [...endNames].sort((a, b) => b.length - a.length);
  }

  /** Throws ASTARPO_CHAT_TEMPLATE. */
  render(messages: readonly ChatMessage[], tools: readonly Tool[] | undefined): string {
    return this.#template.render(messages, { tools, variables: this.#variables, addGenerationPrompt: true });
  }

  /** What comes behind `turn`: it is rendered with a mark in place of what was said. Throws ASTARPO_CHAT_TEMPLATE. */
  tail(
    before: readonly ChatMessage[],
    turn: ChatMessage,
    answer: readonly ChatMessage[],
    tools: readonly Tool[] | undefined,
    { turn: mark }: Marks,
  ): TurnTail {
    const text = this.render([...before, withMark(turn, mark), ...answer], tools);
    const at = text.lastIndexOf(mark);
    if (at === -1) {
      throw new AStarPOError(
        'ASTARPO_CHAT_TEMPLATE',
        'expected a chat template that renders what the agent said, got one that leaves it out',
        {
          hint: 'give another template with chat.template (--chat-template FILE)',
        },
      );
    }
    const [front, behind] = [text.slice(0, at), text.slice(at + mark.length)];
    return { before: front, ...(turn.tool_calls === undefined ? this.#afterText(behind) : this.#afterCalls(behind)) };
  }

  #afterText(text: string): Omit<TurnTail, 'before'> {
    const space = /^\s*/.exec(text)?.[0] ?? '';
    const end = this.#endNames.find((name) => text.startsWith(name, space.length));
    if (end === undefined) return { space: '', end, rest: text };
    return { space, end, rest: text.slice(space.length + end.length) };
  }

  /** The mark stands inside the last call, whose end the model has sampled too. */
  #afterCalls(text: string): Omit<TurnTail, 'before'> {
    const places = this.#endNames.map((name) => ({ name, at: text.indexOf(name) })).filter(({ at }) => at !== -1);
    const [first] = places.sort((a, b) => a.at - b.at);
    if (first !== undefined) return { space: '', end: first.name, rest: text.slice(first.at + first.name.length) };
    throw new AStarPOError('ASTARPO_CHAT_TEMPLATE', 'expected a token that ends the turn behind its tool calls, got none', {
      hint: 'give another template with chat.template (--chat-template FILE)',
    });
  }
}

/** The turn with a mark instead of its text, or of the name of its last call. */
function withMark(turn: ChatMessage, mark: string): ChatMessage {
  const calls = turn.tool_calls;
  if (calls === undefined) return { ...turn, content: mark };
  const list = Array.isArray(calls) ? (calls as readonly JsonObject[]) : [];
  return {
    ...turn,
    tool_calls: list.map((call, i) => {
      if (i < list.length - 1) return call;
      const inner = call.function as JsonObject | undefined;
      return inner === undefined ? { ...call, name: mark } : { ...call, function: { ...inner, name: mark } };
    }),
  };
}
