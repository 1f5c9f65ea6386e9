import { AStarPOError } from '../../errors.ts';
import type { Tokenizer } from '../tokenizer.ts';
import type { ChatFormat } from './chat-format.ts';

/** Special tokens of the compact format, to train a tokenizer with. */
export const compactSpecialTokens = ['<|end|>', '<|user|>', '<|agent|>', '<|system|>'] as const;
/** Special tokens of ChatML, to train a tokenizer with. */
export const chatMLSpecialTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;

const chatMLTemplate =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const compactTemplate =
  "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ '<|agent|>' + message['content'] + '<|end|>' }}" +
  "{% elif message['role'] == 'system' %}{{ '<|system|>' + message['content'] }}{% else %}{{ '<|user|>' + message['content'] }}{% endif %}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|agent|>' }}{% endif %}";

/** `<|im_start|>user\n…<|im_end|>\n<|im_start|>assistant\n`, as the Qwen2 chat models use it; no default system prompt. */
export function chatML(tokenizer: Tokenizer): ChatFormat {
  const open = requireToken(tokenizer, '<|im_start|>');
  const close = requireToken(tokenizer, '<|im_end|>');
  const endOfText = tokenizer.tokenId('<|endoftext|>');
  const newline = tokenizer.encodeText('\n');
  const agent = [open, ...tokenizer.encodeText('assistant\n')];
  const turn = (role: string, text: string) => [open, ...tokenizer.encodeText(`${role}\n${text}`), close, ...newline];
  return createFormat(tokenizer, {
    name: 'chatml',
    version: 'chatml-1',
    stopIds: endOfText === undefined ? [close] : [close, endOfText],
    template: chatMLTemplate,
    start: (system, observation) => [...(system === undefined ? [] : turn('system', system)), ...turn('user', observation), ...agent],
    next: (observation) => [...newline, ...turn('user', observation), ...agent],
  });
}

/** `<|user|>…<|agent|>…<|end|>`: one token per border, for small models trained from nothing. */
export function compactChat(tokenizer: Tokenizer): ChatFormat {
  const end = requireToken(tokenizer, '<|end|>');
  const user = requireToken(tokenizer, '<|user|>');
  const agent = requireToken(tokenizer, '<|agent|>');
  const turn = (observation: string) => [user, ...tokenizer.encodeText(observation), agent];
  return createFormat(tokenizer, {
    name: 'compact',
    version: 'compact-1',
    stopIds: [end],
    template: compactTemplate,
    start: (system, observation) => [
      ...(system === undefined ? [] : [requireToken(tokenizer, '<|system|>'), ...tokenizer.encodeText(system)]),
      ...turn(observation),
    ],
    next: turn,
  });
}

/** The format that the special tokens of a tokenizer name, undefined if they name none. */
export function tokenFormatFor(tokenizer: Tokenizer): ChatFormat | undefined {
  const has = (tokens: readonly string[]) => tokens.every((token) => tokenizer.tokenId(token) !== undefined);
  if (has(['<|im_start|>', '<|im_end|>'])) return chatML(tokenizer);
  return has(['<|end|>', '<|user|>', '<|agent|>']) ? compactChat(tokenizer) : undefined;
}

interface FormatParts {
  readonly name: string;
  readonly version: string;
  readonly stopIds: readonly [number, ...number[]];
  readonly template: string;
  readonly start: (system: string | undefined, observation: string) => number[];
  readonly next: (observation: string) => number[];
}

function createFormat(tokenizer: Tokenizer, parts: FormatParts): ChatFormat {
  const { name, version, stopIds, template } = parts;
  return {
    ...{ name, version, stopIds, template },
    start: (system, observation) => Int32Array.from(parts.start(system, observation)),
    next: (observation, options = {}) =>
      Int32Array.from([...(options.unfinished === true ? [stopIds[0]] : []), ...parts.next(observation)]),
    say: (text) => Int32Array.from([...tokenizer.encodeText(text), stopIds[0]]),
    text: (ids) => turnText(tokenizer, ids, stopIds),
  };
}

/** Text of a sampled turn without its stop token. */
export function turnText(tokenizer: Tokenizer, ids: Int32Array | readonly number[], stopIds: readonly number[]): string {
  const last = ids[ids.length - 1];
  return tokenizer.decode(last !== undefined && stopIds.includes(last) ? ids.slice(0, -1) : ids);
}

function requireToken(tokenizer: Tokenizer, token: string): number {
  const id = tokenizer.tokenId(token);
  if (id === undefined)
    throw new AStarPOError('ASTARPO_TOKENIZER', `expected the tokenizer to have the special token ${token}, got one without it`);
  return id;
}
