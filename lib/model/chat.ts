import { AStarPOError } from '../errors.ts';
import type { Tokenizer } from './tokenizer.ts';

/**
 * How turns become tokens. A conversation only grows: `start`, then what the model sampled, then `next`, and so on; earlier ids
 * are never tokenised again. Names of special tokens inside observations are plain text.
 */
export interface ChatFormat {
  readonly name: string;
  /** Changes whenever the same texts would give other ids. */
  readonly version: string;
  /** Ids that end an agent turn. */
  readonly stopIds: readonly number[];
  /** Jinja template of the same format, for `tokenizer_config.json`. */
  readonly template: string;
  /** Ids of the first prompt, up to where the agent speaks. */
  start(system: string | undefined, observation: string): Int32Array;
  /**
   * Ids that follow an agent turn, up to where the agent speaks again. `unfinished`: the turn was cut off before its stop token,
   * which is then supplied (mask 0, since the model did not sample it).
   */
  next(observation: string, options?: { unfinished?: boolean }): Int32Array;
  /** Ids that a model would have to sample to say `text`, its stop token included: the turn of a scripted agent. */
  say(text: string): Int32Array;
  /** Text of a sampled turn without its stop token; other special tokens stay visible. */
  text(ids: Int32Array | readonly number[]): string;
}

/** Special tokens of the compact format, to train a tokenizer with. */
export const compactSpecialTokens = ['<|end|>', '<|user|>', '<|agent|>', '<|system|>'] as const;
/** Special tokens of ChatML, to train a tokenizer with. */
export const chatMLSpecialTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;

/** ChatML if the tokenizer has its tokens, else the compact format. Throws ASTARPO_TOKENIZER if it has neither's. */
export function chatFormatFor(tokenizer: Tokenizer): ChatFormat {
  const has = (tokens: readonly string[]) => tokens.every((token) => tokenizer.tokenId(token) !== undefined);
  if (has(['<|im_start|>', '<|im_end|>'])) return chatML(tokenizer);
  if (has(['<|end|>', '<|user|>', '<|agent|>'])) return compactChat(tokenizer);
  throw new AStarPOError('ASTARPO_TOKENIZER', 'expected a tokenizer with the special tokens of a known chat format, got one without', {
    hint: `known: ChatML (${chatMLSpecialTokens.join(' ')}) and compact (${compactSpecialTokens.join(' ')}); or pass a ChatFormat`,
  });
}

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
    template:
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
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
    template:
      "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ '<|agent|>' + message['content'] + '<|end|>' }}" +
      "{% elif message['role'] == 'system' %}{{ '<|system|>' + message['content'] }}{% else %}{{ '<|user|>' + message['content'] }}{% endif %}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|agent|>' }}{% endif %}",
    start: (system, observation) => [
      ...(system === undefined ? [] : [requireToken(tokenizer, '<|system|>'), ...tokenizer.encodeText(system)]),
      ...turn(observation),
    ],
    next: turn,
  });
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
    text: (ids) => {
      const last = ids[ids.length - 1];
      return tokenizer.decode(last !== undefined && stopIds.includes(last) ? ids.slice(0, -1) : ids);
    },
  };
}

function requireToken(tokenizer: Tokenizer, token: string): number {
  const id = tokenizer.tokenId(token);
  if (id === undefined)
    throw new AStarPOError('ASTARPO_TOKENIZER', `expected the tokenizer to have the special token ${token}, got one without it`);
  return id;
}
