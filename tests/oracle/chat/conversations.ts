import type { ChatMessage, Tool } from '../../../lib/model/chat/message.ts';
import type { JsonObject } from '../../../lib/util/json.ts';
import type { Rng } from '../../../lib/util/rng.ts';

/** A conversation and how it is rendered. */
export interface RandomChat {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly Tool[] | null;
  readonly generation: boolean;
  /** Names of special tokens are in the contents, and are text. */
  readonly sanitize: boolean;
  readonly variables: JsonObject;
}

const tools: readonly Tool[] = [
  {
    type: 'function',
    function: {
      name: 'search',
      description: 'Finds "things" <b>for sale</b>: café, 日本.',
      parameters: {
        type: 'object',
        properties: {
          query: { type: 'string', description: 'What to look for.' },
          limit: { type: ['integer', 'null'] },
          prices: { type: 'array', items: { type: 'number' } },
          deep: { type: 'object', additionalProperties: { type: 'string' } },
        },
        required: ['query'],
      },
    },
  },
  { type: 'function', function: { name: 'leave', description: 'Ends it.', parameters: { type: 'object', properties: {} } } },
];

const texts = [
  ...['I want blue shoes, size 42, under $30.00.', 'search[blue shoes]', 'Page 1 of 3 [SEP] B01 – naïve Ünïcode 日本語 🙂', '', ' ', '\n'],
  ...[
    '\n\n  two lines\nthen one\n\n',
    ' edges\t',
    '{{ messages }} {% if x %} {# c #}',
    '\'single\' "double" \\n \\\\ <b>&amp;</b>',
    '{"a": [1, null]}',
  ],
  ...[
    'line\r\nfeeds',
    'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
    'زيتون e\u0301 \u200b',
    '1234567890',
    "don't DON'T",
    '</tool_response',
    '/no_think',
    '%s {} $1 $&',
  ],
];

/** `specialTokens`: names to put into contents. */
export function randomChat(rng: Rng, specialTokens: readonly string[], variables: JsonObject): RandomChat {
  const sanitize = specialTokens.length > 0 && rng.uniform() < 0.25;
  const calls = rng.uniform() < 0.4;
  const thinks = !sanitize && rng.uniform() < 0.3;
  const spoil = (text: string) => {
    if (!sanitize || rng.uniform() < 0.4) return text;
    const points = Array.from(text);
    const at = rng.integer(points.length + 1);
    return [...points.slice(0, at), rng.pick(specialTokens), ...points.slice(at)].join('');
  };
  const say = () => (rng.uniform() < 0.7 ? rng.pick(texts) : `${rng.pick(texts)} ${rng.pick(texts)}`);
  const messages: ChatMessage[] = rng.uniform() < 0.5 ? [{ role: 'system', content: spoil(say()) }] : [];
  messages.push({ role: 'user', content: spoil(say()) });
  for (let turn = rng.integer(5); turn > 0; turn--) {
    const answered = agentTurn(rng, say, calls, thinks);
    messages.push(
      ...answered.map((message) => (message.role === 'tool' ? { ...message, content: spoil(String(message.content)) } : message)),
    );
    if (answered.length === 1) messages.push({ role: 'user', content: spoil(say()) });
  }
  return { messages, tools: calls ? tools.slice(0, 1 + rng.integer(2)) : null, generation: rng.uniform() < 0.8, sanitize, variables };
}

function agentTurn(rng: Rng, say: () => string, calls: boolean, thinks: boolean): ChatMessage[] {
  const content = say();
  const thought = thinks && rng.uniform() < 0.6 ? say() : undefined;
  const message: ChatMessage =
    thought === undefined
      ? { role: 'assistant', content }
      : rng.uniform() < 0.5
        ? { role: 'assistant', content: `<think>\n${thought}\n</think>\n\n${content}` }
        : { role: 'assistant', content, reasoning_content: thought };
  if (!calls || rng.uniform() < 0.4) return [message];
  const made = Array.from({ length: rng.uniform() < 0.8 ? 1 : 2 }, () => {
    const id = `call${String(rng.integer(100_000)).padStart(5, '0')}`;
    const name = rng.pick(['search', 'leave']);
    const args: JsonObject = name === 'leave' ? {} : { query: say(), limit: 3, prices: [1, 2.5], deep: { ü: 'b' } };
    return { id, type: 'function', function: { name, arguments: args } };
  });
  const results = made.map((call): ChatMessage => ({ role: 'tool', name: call.function.name, tool_call_id: call.id, content: say() }));
  return [{ ...message, content: rng.uniform() < 0.5 ? '' : content, tool_calls: made }, ...results];
}

/** Turns of text alone, to grow by: what a user or, with tools, a tool answers to what the agent said. */
export interface GrowingChat {
  readonly system: string | undefined;
  readonly first: string;
  readonly tools: readonly Tool[] | undefined;
  readonly turns: readonly { readonly said: string; readonly answer: ChatMessage }[];
}

export function growingChat(rng: Rng): GrowingChat {
  // Without white space at its edges, which many templates strip from what the agent said.
  const say = () => rng.pick(texts).trim();
  const withTools = rng.uniform() < 0.3;
  return {
    system: rng.uniform() < 0.5 ? rng.pick(texts) : undefined,
    first: rng.pick(texts),
    tools: withTools ? tools : undefined,
    turns: Array.from({ length: 1 + rng.integer(4) }, () => ({
      said: say(),
      answer: { role: withTools && rng.uniform() < 0.7 ? 'tool' : 'user', content: rng.pick(texts) },
    })),
  };
}
