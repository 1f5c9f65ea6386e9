import { createHash } from 'node:crypto';
import { AStarPOError } from '../../errors.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../../util/json.ts';
import type { Tokenizer } from '../tokenizer.ts';
import type { ChatFormat, ChatOpening, Conversation, NextOptions } from './chat-format.ts';
import type { ChatTemplate, TemplateSource } from './chat-template.ts';
import { ExtendsCheck } from './extends-check.ts';
import { ControlNames, chooseMarks, encodeLater, encodeMarked } from './marked-text.ts';
import { type ChatMessage, messagesOf, type Tool } from './message.ts';
import type { ChatOptions } from './options.ts';
import { type Padding, probeDate, probeTemplate, trimsTurns } from './template-probe.ts';
import { turnText } from './token-formats.ts';
import { splitTurn, TurnRenderer } from './turn-renderer.ts';

export interface TemplateFormatOptions extends Pick<ChatOptions, 'variables' | 'tools' | 'earlierTurns'> {
  /** Ids that end a generation, of generation_config.json or config.json. */
  readonly eosTokenIds?: readonly number[] | undefined;
  /** Whether the template's date is that of another day on another day. */
  readonly dateMoves?: boolean | undefined;
}

const trimAdvice =
  'the chat template trims agent turns: white space that the model samples at their edges stays in the training context all the same';
const dateAdvice =
  'the chat template writes the date into prompts: returns that were stored for V* on another day do not count; fix it with chat.date (--chat-date)';

/**
 * A chat format from a Jinja template. The first prompt has the ids of transformers' apply_chat_template. What follows an agent turn is
 * found by rendering the conversation with a mark in place of that turn: what comes behind the mark is tokenised alone.
 */
export class TemplateFormat implements ChatFormat {
  readonly name = 'template';
  readonly version: string;
  readonly stopIds: readonly number[];
  readonly template: TemplateSource;
  readonly advice: readonly string[];
  readonly #tokenizer: Tokenizer;
  readonly #tools: readonly Tool[] | undefined;
  readonly #control: ControlNames;
  readonly #renderer: TurnRenderer;
  readonly #check: ExtendsCheck;
  readonly #padding: Padding;
  readonly #keepsEarlierTurns: boolean;

  /** Throws ASTARPO_CHAT_TEMPLATE when nothing says where an agent turn ends. */
  constructor(tokenizer: Tokenizer, template: ChatTemplate, options: TemplateFormatOptions = {}) {
    const { variables, tools, earlierTurns, eosTokenIds = [], dateMoves = false } = options;
    this.#tokenizer = tokenizer;
    this.#tools = tools;
    this.template = template.source;
    const eosId = tokenizer.tokenId(template.specialTokens.eos_token ?? '');
    const ends = [...eosTokenIds, ...(eosId === undefined ? [] : [eosId])];
    const borders = tokenizer.addedTokens.filter(({ id, special }) => special || ends.includes(id)).map(({ content }) => content);
    this.#renderer = new TurnRenderer(template, variables, borders);
    const probe = probeTemplate(template, this.#renderer);
    probeDate(this.#renderer);
    this.stopIds = [...new Set([tokenizer.tokenId(probe.end ?? ''), ...ends].filter((id) => id !== undefined))];
    const [stop] = this.stopIds;
    if (stop === undefined) {
      throw new AStarPOError(
        'ASTARPO_CHAT_TEMPLATE',
        'expected a token that ends agent turns in the chat template or as eos_token, got none',
        {
          hint: 'set eos_token_id in generation_config.json, or give another template with chat.template (--chat-template FILE)',
        },
      );
    }
    this.#control = new ControlNames(new Set([...borders, ...namesIn(probe.frame, tokenizer)]));
    this.#check = new ExtendsCheck(this.#renderer, tokenizer.decode([stop]), probe.padding);
    this.#padding = probe.padding;
    this.#keepsEarlierTurns = earlierTurns === 'keep';
    this.advice = [...(trimsTurns(this.#check) ? [trimAdvice] : []), ...(dateMoves && template.askedForDate ? [dateAdvice] : [])];
    this.version = versionOf(template, { variables: variables ?? {}, tools: tools ?? null, stopIds: this.stopIds });
  }

  start(system: string | undefined, observation: string): Int32Array {
    return this.open({ system, input: observation }).prompt;
  }

  /** As behind a first turn; for templates that look further back there is `open`. */
  next(observation: string, options: NextOptions = {}): Int32Array {
    return this.open({ input: 'a room' }).next('look around', observation, options);
  }

  say(text: string): Int32Array {
    const spoken = this.#padding.before + text + this.#padding.behind;
    const words = encodeLater(this.#tokenizer, spoken, (part) => this.#tokenizer.encodeText(part));
    return Int32Array.from([...words, this.stopIds[0] as number]);
  }

  text(ids: Int32Array | readonly number[]): string {
    const spoken = turnText(this.#tokenizer, ids, this.stopIds);
    const { before, behind } = this.#padding;
    const start = spoken.startsWith(before) ? before.length : 0;
    return spoken.slice(start, behind !== '' && spoken.endsWith(behind) ? Math.max(start, spoken.length - behind.length) : undefined);
  }

  /** Throws ASTARPO_CHAT_TEMPLATE when the template refuses the messages, or writes earlier turns anew. */
  open({ system, input, tools = this.#tools, single = false }: ChatOpening): Conversation {
    const opening: readonly ChatMessage[] = [...(system === undefined ? [] : [{ role: 'system', content: system }]), ...messagesOf(input)];
    if (!this.#keepsEarlierTurns && !single) this.#check.opening(opening, tools);
    const messages = [...opening];
    const answers: (readonly ChatMessage[])[] = [];
    return {
      prompt: this.#encodePrompt(messages, tools),
      next: (said, following, { unfinished = false } = {}) => {
        answers.push(messagesOf(following));
        if (!this.#keepsEarlierTurns) this.#check.next(opening, answers, tools);
        const [turn, answer] = splitTurn(said, following);
        const ids = this.#encodeTail(messages, turn, answer, tools, unfinished);
        messages.push(turn, ...answer);
        return ids;
      },
    };
  }

  #encodePrompt(messages: readonly ChatMessage[], tools: readonly Tool[] | undefined): Int32Array {
    const marks = chooseMarks([...messages, ...(tools ?? [])] as JsonValue[]);
    const text = this.#renderer.render(this.#control.mark(messages, marks), this.#control.mark(tools, marks));
    return Int32Array.from(encodeMarked(this.#tokenizer, text, marks));
  }

  #encodeTail(
    before: readonly ChatMessage[],
    turn: ChatMessage,
    answer: readonly ChatMessage[],
    tools: readonly Tool[] | undefined,
    unfinished: boolean,
  ): Int32Array {
    const marks = chooseMarks([...before, turn, ...answer, ...(tools ?? [])] as JsonValue[]);
    const marked = <T>(value: T) => this.#control.mark(value, marks);
    const { space, end, rest } = this.#renderer.tail(marked(before), marked(turn), marked(answer), marked(tools), marks);
    if (end === undefined) {
      return Int32Array.from(encodeLater(this.#tokenizer, rest, (text) => Int32Array.from(encodeMarked(this.#tokenizer, text, marks))));
    }
    // With the end token in front, since a token may take the white space behind it.
    const ids = encodeMarked(this.#tokenizer, end + rest, marks);
    if (ids[0] !== this.#tokenizer.tokenId(end)) {
      throw new AStarPOError('ASTARPO_TOKENIZER', `expected the tokenizer to read ${JSON.stringify(end)} as its token, got other ids`, {
        hint: 'the token that ends agent turns must be a special token that is not normalised',
      });
    }
    return Int32Array.from(unfinished ? [...this.#tokenizer.encode(space), ...ids] : ids.slice(1));
  }
}

/** Added tokens, special or not, that part the turns: an observation cannot write them. */
function namesIn(frame: readonly string[], tokenizer: Tokenizer): string[] {
  const names = tokenizer.addedTokens.map(({ content }) => content);
  return names.filter((name) => name.trim() !== '' && frame.some((text) => text.includes(name)));
}

function versionOf(template: ChatTemplate, settings: JsonObject): string {
  const { source, names, date } = template;
  // Only those that the template reads: saving a model may name more.
  const specialTokens = Object.fromEntries(Object.entries(template.specialTokens).filter(([name]) => names.has(name)));
  const content = { source: source as JsonValue, specialTokens, ...settings };
  const hash = createHash('sha256').update(canonicalJson(content)).digest('hex').slice(0, 16);
  return `template-${hash}${template.askedForDate ? `@${localDate(date)}` : ''}`;
}

/** `2024-07-26`, with the time unless that is midnight. */
function localDate(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return time === '00:00:00' ? day : `${day}T${time}`;
}
