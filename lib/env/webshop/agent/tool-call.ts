import type { JsonObject, JsonValue } from '../../../util/json.ts';
import type { CallFormat } from './agent-options.ts';

/** A call of a function, as a model wrote it. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: JsonObject;
  /** Where the format has one. */
  readonly id?: string;
  /** Where the call begins in the text. */
  readonly start: number;
}

const thoughtEnd = '</think>';
const hermesTag = '<tool_call>';
const mistralTag = '[TOOL_CALLS]';
const pythonTag = '<|python_tag|>';

/**
 * The first call in a text, behind its thought if that is closed by `</think>`: in `<tool_call>` tags (Hermes, Qwen), behind `[TOOL_CALLS]`
 * (Mistral: a list of calls, or a name and its arguments), else the first JSON object that names a function (Llama 3). Undefined when there
 * is none that can be read. Time grows with the length of the text alone.
 */
export function readCall(said: string): ToolCall | undefined {
  const from = Math.max(0, said.indexOf(thoughtEnd));
  const hermes = said.indexOf(hermesTag, from);
  if (hermes >= 0) return callIn(said, hermes + hermesTag.length, hermes);
  const mistral = said.indexOf(mistralTag, from);
  if (mistral >= 0) return mistralCall(said, mistral);
  const llama = said.indexOf(pythonTag, from);
  return llama >= 0 ? callIn(said, llama + pythonTag.length, llama) : callIn(said, from, undefined);
}

/** A call as a model would write it. */
export function writeCall(name: string, args: JsonObject, format: CallFormat): string {
  switch (format) {
    case 'hermes':
      return `${hermesTag}\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`;
    case 'llama':
      return JSON.stringify({ name, parameters: args });
    case 'mistral':
      return `${mistralTag}[${JSON.stringify({ name, arguments: args })}]`;
  }
}

/** `[TOOL_CALLS][{…}]`, `[TOOL_CALLS]search{…}` or `[TOOL_CALLS]search[ARGS]{…}`. */
function mistralCall(said: string, start: number): ToolCall | undefined {
  const from = start + mistralTag.length;
  const named = /[ \n]*([A-Za-z_][\w-]*)[ \n]*(?:\[ARGS\])?[ \n]*(?=\{)/y;
  named.lastIndex = from;
  const name = named.exec(said)?.[1];
  if (name === undefined) return callIn(said, from, start);
  const found = objectAt(said, named.lastIndex);
  return found === undefined ? undefined : { name, arguments: found.value, start };
}

/** How many braces are tried as the beginning of a call: a bound on the time that a hostile text can take. */
const tries = 16;

/** The first JSON object behind `from` that names a function. `start`: where the call counts as begun, default where the object begins. */
function callIn(said: string, from: number, start: number | undefined): ToolCall | undefined {
  let at = said.indexOf('{', from);
  for (let left = tries; at >= 0 && left > 0; left--) {
    const found = objectAt(said, at);
    const call = found === undefined ? undefined : callOf(found.value, start ?? at);
    if (call !== undefined) return call;
    at = said.indexOf('{', found?.end ?? at + 1);
  }
  return undefined;
}

/** `{ name, arguments }`, also with `parameters`, inside of `function`, or with the arguments as text. */
function callOf(value: JsonObject, start: number): ToolCall | undefined {
  const inner = isObject(value.function) ? value.function : value;
  const { name } = inner;
  const args = inner.arguments ?? inner.parameters ?? {};
  const given = typeof args === 'string' ? parsed(args) : args;
  if (typeof name !== 'string' || !isObject(given)) return undefined;
  return { name, arguments: given, start, ...(typeof value.id === 'string' ? { id: value.id } : {}) };
}

/** The JSON object that begins at a brace; undefined when it does not end or is no JSON. */
function objectAt(text: string, start: number): { value: JsonObject; end: number } | undefined {
  const end = endOfObject(text, start);
  const value = end === undefined ? undefined : parsed(text.slice(start, end));
  return end !== undefined && isObject(value) ? { value, end } : undefined;
}

function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (quoted && character === '\\') at++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return at + 1;
  }
  return undefined;
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    // A model may write anything between braces.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
