import { AStarPOError } from '../../errors.ts';
import type { TemplateSource } from './chat-template.ts';
import { type ChatInput, describeRoles, messagesOf, type Tool } from './message.ts';

/**
 * How turns become tokens. A conversation only grows: `start`, then what the model sampled, then `next`, and so on; earlier ids
 * are never tokenised again. Names of special tokens inside observations are plain text.
 */
export interface ChatFormat {
  readonly name: string;
  /** Changes whenever the same texts would give other ids. */
  readonly version: string;
  /** Ids that end an agent turn; the first is the one that the format itself writes. */
  readonly stopIds: readonly number[];
  /** Jinja template of the same format, for `tokenizer_config.json`. */
  readonly template: TemplateSource;
  /** What a user should know about this format before training with it. */
  readonly advice?: readonly string[];
  /** Ids of the first prompt, up to where the agent speaks. */
  start(system: string | undefined, observation: string): Int32Array;
  /**
   * Ids that follow an agent turn, up to where the agent speaks again. `unfinished`: the turn was cut off before its stop token,
   * which is then supplied (mask 0, since the model did not sample it).
   */
  next(observation: string, options?: NextOptions): Int32Array;
  /** Ids that a model would have to sample to say `text`, its stop token included: the turn of a scripted agent. */
  say(text: string): Int32Array;
  /** Text of a sampled turn without its stop token; other special tokens stay visible. */
  text(ids: Int32Array | readonly number[]): string;
  /** For formats with roles and tools, or whose ids depend on what came before: `start` and `next` with a memory. */
  open?(opening: ChatOpening): Conversation;
}

export interface NextOptions {
  readonly unfinished?: boolean;
}

/** What a conversation begins with. */
export interface ChatOpening {
  readonly system?: string | undefined;
  readonly input: ChatInput;
  /** Functions that the agent may call. */
  readonly tools?: readonly Tool[] | undefined;
  /** Whether one agent turn is all that is expected: what templates do to earlier turns is then looked at when there is one. */
  readonly single?: boolean | undefined;
}

/** One growing conversation. */
export interface Conversation {
  /** Ids of the first prompt, up to where the agent speaks. */
  readonly prompt: Int32Array;
  /**
   * Ids between an agent turn, of which `said` is the text, and the next one. The first of `input` may be an assistant message: how the
   * environment understood the turn (its `tool_calls`), for templates that read them; the ids of the turn stay those that were sampled.
   */
  next(said: string, input: ChatInput, options?: NextOptions): Int32Array;
}

/** Opens a conversation in any format. Throws ASTARPO_CHAT_TEMPLATE for roles or tools that the format does not have. */
export function openConversation(chat: ChatFormat, opening: ChatOpening): Conversation {
  if (chat.open !== undefined) return chat.open(opening);
  if (opening.tools !== undefined) throw needsTemplate(chat, 'tools');
  const { system, text } = plainOpening(chat, opening);
  return {
    prompt: chat.start(system, text),
    next: (_said, input, options) => chat.next(plainText(chat, input), options),
  };
}

function plainOpening(chat: ChatFormat, { system, input }: ChatOpening): { system: string | undefined; text: string } {
  const [first, ...rest] = messagesOf(input);
  if (system === undefined && first?.role === 'system' && typeof first.content === 'string' && rest.length > 0) {
    return { system: first.content, text: plainText(chat, rest) };
  }
  return { system, text: plainText(chat, input) };
}

function plainText(chat: ChatFormat, input: ChatInput): string {
  const messages = messagesOf(input);
  const [only] = messages;
  if (messages.length === 1 && only?.role === 'user' && typeof only.content === 'string') return only.content;
  throw needsTemplate(chat, `the messages ${describeRoles(messages) || '(none)'}`);
}

/** The error for what only formats from a template have. */
export function needsTemplate(chat: ChatFormat, what: string): AStarPOError {
  return new AStarPOError(
    'ASTARPO_CHAT_TEMPLATE',
    `expected text for the chat format ${chat.name}, which has one user message a turn, got ${what}`,
    {
      hint: 'use a model whose folder has a chat template, or give one with chat.template (--chat-template FILE)',
    },
  );
}
