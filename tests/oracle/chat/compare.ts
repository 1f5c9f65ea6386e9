import { isAStarPOError } from '../../../lib/errors.ts';
import type { ChatTemplate } from '../../../lib/model/chat/chat-template.ts';
import type { ChatMessage, Tool } from '../../../lib/model/chat/message.ts';
import type { TemplateFormat } from '../../../lib/model/chat/template-format.ts';
import type { Tokenizer } from '../../../lib/model/tokenizer.ts';
import type { JsonObject } from '../../../lib/util/json.ts';
import { deriveSeed, Rng } from '../../../lib/util/rng.ts';
import type { OracleProcess } from '../process.ts';
import { growingChat, type RandomChat, randomChat } from './conversations.ts';

export interface ChatSide {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** Keeps earlier turns, so that every conversation can be rendered. */
  readonly format: TemplateFormat;
  /** Refuses conversations that the template writes anew. */
  readonly checked: TemplateFormat;
  readonly variables: JsonObject;
}

export interface Difference {
  readonly what: string;
  readonly of: unknown;
  readonly here: unknown;
  readonly there: unknown;
}

export interface Comparison {
  readonly rendered: number;
  readonly refused: number;
  readonly hostile: number;
  readonly grown: number;
  /** Conversations that the template writes anew, and the first reason. */
  readonly writtenAnew: number;
  readonly reason: string | undefined;
  readonly difference: Difference | undefined;
}

type Answer = { readonly text: string; readonly ids: readonly number[] } | { readonly refused: string };

interface Rendering {
  readonly text: string;
  readonly ids: readonly number[] | undefined;
}

/** Random conversations here and in transformers; stops at the first difference. */
export async function compareChats(side: ChatSide, oracle: OracleProcess, count: number, seed: number): Promise<Comparison> {
  const special = side.tokenizer.addedTokens.filter((token) => token.special).map(({ content }) => content);
  const chats = Array.from({ length: count }, (_, i) => randomChat(rngOf(seed, 'chat', i), special, side.variables));
  const answers = await ask(oracle, side.template.date, chats);
  const found = { rendered: 0, refused: 0, hostile: 0, grown: 0, writtenAnew: 0, reason: undefined as string | undefined };
  for (const [i, chat] of chats.entries()) {
    const difference = compareOne(side, chat, answers[i] as Answer);
    if (difference !== undefined) return { ...found, difference };
    if ('refused' in (answers[i] as Answer)) found.refused++;
    else if (chat.sanitize) found.hostile++;
    else found.rendered++;
  }
  for (let i = 0; i < count; i++) {
    const grown = grow(side, rngOf(seed, 'grow', i));
    if (grown === 'refused') found.refused++;
    else if ('reason' in grown) {
      found.writtenAnew++;
      found.reason ??= grown.reason;
    } else {
      const [answer] = await ask(oracle, side.template.date, [grown.chat]);
      const there = answer !== undefined && 'text' in answer ? answer.text : answer;
      if (typeof there !== 'string' || !readsAlike(side.tokenizer, grown.text, there))
        return { ...found, difference: { what: 'a grown conversation', of: grown.chat, here: grown.text, there } };
      found.grown++;
    }
  }
  return { ...found, difference: undefined };
}

function rngOf(seed: number, what: string, index: number): Rng {
  return new Rng(deriveSeed(BigInt(seed), what, index));
}

function ask(oracle: OracleProcess, date: Date, chats: readonly RandomChat[]): Promise<readonly Answer[]> {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}:00`;
  return oracle.request('render', { date: day, chats });
}

function compareOne(side: ChatSide, chat: RandomChat, there: Answer): Difference | undefined {
  const here = render(side, chat);
  if ('refused' in here || 'refused' in there) {
    return 'refused' in here && 'refused' in there ? undefined : { what: 'what is refused', of: chat, here, there };
  }
  if (here.text !== there.text) return { what: 'the text', of: chat, here: here.text, there: there.text };
  if (here.ids === undefined || String(here.ids) === String(there.ids)) return undefined;
  return { what: 'the ids', of: chat, here: here.ids, there: there.ids };
}

function render({ template, format, variables }: ChatSide, chat: RandomChat): Rendering | { refused: string } {
  const tools = chat.tools ?? undefined;
  try {
    const text = template.render(chat.messages, { tools, variables, addGenerationPrompt: chat.generation });
    return { text, ids: chat.generation ? [...format.open({ input: chat.messages, tools }).prompt] : undefined };
  } catch (error) {
    if (isAStarPOError(error, 'ASTARPO_CHAT_TEMPLATE')) return { refused: error.message };
    throw error;
  }
}

/** A conversation turn by turn: its text, and the same as one chat; or why the template cannot extend it. */
function grow(side: ChatSide, rng: Rng): { text: string; chat: RandomChat } | { reason: string } | 'refused' {
  const { system, first, tools, turns } = growingChat(rng);
  const messages: ChatMessage[] = [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: first },
  ];
  const ids: number[] = [];
  try {
    const conversation = side.checked.open({ system, input: first, tools });
    ids.push(...conversation.prompt);
    for (const { said, answer } of turns) {
      ids.push(...side.checked.say(said), ...conversation.next(said, [answer]));
      messages.push({ role: 'assistant', content: said }, answer);
    }
  } catch (error) {
    if (!isAStarPOError(error, 'ASTARPO_CHAT_TEMPLATE')) throw error;
    return error.message.includes('earlier turns') ? { reason: error.message } : 'refused';
  }
  const chat = { messages, tools: toolsOf(tools), generation: true, sanitize: false, variables: side.variables };
  return { text: side.tokenizer.decode(ids), chat };
}

function toolsOf(tools: readonly Tool[] | undefined): readonly Tool[] | null {
  return tools ?? null;
}

/** Equal texts; but for spaces where the tokenizer adds some behind special tokens, so that no text comes back as it was. */
function readsAlike(tokenizer: Tokenizer, grown: string, whole: string): boolean {
  if (grown === whole) return true;
  const withoutSpaces = (text: string) => text.replaceAll(' ', '');
  return tokenizer.decode(tokenizer.encode(whole)) !== whole && withoutSpaces(grown) === withoutSpaces(whole);
}
