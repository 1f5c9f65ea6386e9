import type { JsonObject, JsonValue } from '../../util/json.ts';

/**
 * One message as chat templates take it, in the form that transformers has too: `role` 'system', 'user', 'assistant' or 'tool',
 * `content`, and what a template may read besides (`name`, `tool_call_id`, `tool_calls`, `reasoning_content`, …).
 */
export interface ChatMessage {
  readonly role: string;
  readonly content?: JsonValue;
  readonly [key: string]: JsonValue | undefined;
}

/** A function that the model may call, as a JSON schema: `{ type: 'function', function: { name, description, parameters } }`. */
export type Tool = JsonObject;

/** What an agent reads: text (one user message), or messages. */
export type ChatInput = string | readonly ChatMessage[];

export function messagesOf(input: ChatInput): readonly ChatMessage[] {
  return typeof input === 'string' ? [{ role: 'user', content: input }] : input;
}

/** The names under which a message may have its reasoning; the first is what templates read. */
const reasoningKeys = ['reasoning_content', 'thinking', 'reasoning'] as const;

/** A message as transformers hands it to a template: without keys that are null, its reasoning under both names that templates read. */
export function templateMessage(message: ChatMessage): JsonObject {
  const given = Object.fromEntries(
    Object.entries(message).filter((entry): entry is [string, JsonValue] => entry[1] !== null && entry[1] !== undefined),
  );
  const reasoning = reasoningKeys.map((key) => given[key]).find((value) => value !== undefined);
  return reasoning === undefined ? given : { thinking: reasoning, ...given, reasoning_content: reasoning };
}

/** `system, user × 2, tool`: the order of messages in an error. */
export function describeRoles(messages: readonly ChatMessage[]): string {
  const groups: { role: string; count: number }[] = [];
  for (const { role } of messages) {
    const last = groups.at(-1);
    if (last?.role === role) last.count++;
    else groups.push({ role, count: 1 });
  }
  return groups.map(({ role, count }) => (count === 1 ? role : `${role} × ${count}`)).join(', ');
}
