import { AStarPOError } from '../../errors.ts';
import type { JsonObject } from '../../util/json.ts';
import { globalFunctions } from './jinja/globals.ts';
import { runTemplate } from './jinja/interpreter.ts';
import { parseTemplate } from './jinja/parser.ts';
import type { Program } from './jinja/syntax.ts';
import { TemplateError } from './jinja/template-error.ts';
import { fromJson } from './jinja/values.ts';
import { type ChatMessage, describeRoles, type Tool, templateMessage } from './message.ts';

/** One of several templates of a tokenizer: 'default', and 'tool_use' for conversations with tools. */
export interface NamedTemplate {
  readonly name: string;
  readonly template: string;
}

/** A template, or several with names, as `chat_template` of tokenizer_config.json has them. */
export type TemplateSource = string | readonly NamedTemplate[];

export interface ChatTemplateOptions {
  /** `bos_token`, `eos_token`, …: variables of every rendering. */
  readonly specialTokens?: Readonly<Record<string, string>>;
  /** What `strftime_now` reads, in local time. Default: when the template was made. */
  readonly date?: Date;
}

export interface RenderOptions {
  readonly tools?: readonly Tool[] | undefined;
  readonly documents?: readonly JsonObject[] | undefined;
  /** Ends where the model begins to speak. Default false. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** What the template may read besides, such as `enable_thinking` or `date_string`. */
  readonly variables?: JsonObject | undefined;
}

/** Names that renderings set themselves. */
export const reservedVariables = ['messages', 'tools', 'documents', 'add_generation_prompt'] as const;

/** A Jinja chat template, compiled once, that renders what transformers' apply_chat_template renders. */
export class ChatTemplate {
  readonly source: TemplateSource;
  readonly specialTokens: Readonly<Record<string, string>>;
  readonly date: Date;
  readonly #programs: ReadonlyMap<string, Program>;
  #askedForDate = false;

  /** Throws ASTARPO_CHAT_TEMPLATE when a template does not parse. */
  constructor(source: TemplateSource, options: ChatTemplateOptions = {}) {
    this.source = source;
    this.specialTokens = options.specialTokens ?? {};
    this.date = options.date ?? new Date();
    const named = typeof source === 'string' ? [{ name: 'default', template: source }] : source;
    this.#programs = new Map(named.map(({ name, template }) => [name, compile(name, template)]));
  }

  /** Whether a rendering so far asked for the date. */
  get askedForDate(): boolean {
    return this.#askedForDate;
  }

  /** Names that the templates read, of variables and of what these have. */
  get names(): ReadonlySet<string> {
    return new Set([...this.#programs.values()].flatMap((program) => [...valuesOf(program, 'Identifier')]));
  }

  /** Text that the templates themselves write or compare with, piece by piece. */
  get literals(): readonly string[] {
    return [...this.#programs.values()].flatMap((program) => [...valuesOf(program, 'StringLiteral')]);
  }

  /** Text of a conversation. Throws ASTARPO_CHAT_TEMPLATE, saying which messages the template refused and why. */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
    const { tools, documents, addGenerationPrompt = false, variables = {} } = options;
    const values: JsonObject = {
      ...this.specialTokens,
      ...variables,
      messages: messages.map(templateMessage),
      tools: tools ?? null,
      documents: documents ?? null,
      add_generation_prompt: addGenerationPrompt,
    };
    const globals = globalFunctions(this.date, () => {
      this.#askedForDate = true;
    });
    try {
      return runTemplate(this.#programFor(tools), globals, new Map(Object.entries(values).map(([name, value]) => [name, fromJson(value)])));
    } catch (error) {
      throw refusal(error, messages, tools);
    }
  }

  #programFor(tools: readonly Tool[] | undefined): Program {
    const program = (tools === undefined ? undefined : this.#programs.get('tool_use')) ?? this.#programs.get('default');
    if (program !== undefined) return program;
    throw new AStarPOError(
      'ASTARPO_CHAT_TEMPLATE',
      `expected a chat template named default among several, got ${[...this.#programs.keys()].join(', ') || 'none'}`,
      { hint: 'give one of them with chat.template (--chat-template FILE)' },
    );
  }
}

function compile(name: string, template: string): Program {
  try {
    return parseTemplate(template);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const which = name === 'default' ? '' : ` ${name}`;
    throw new AStarPOError('ASTARPO_CHAT_TEMPLATE', `expected a chat template${which} in Jinja, but ${error.message}`, {
      hint: 'give another one with chat.template (--chat-template FILE)',
      cause: error,
    });
  }
}

function refusal(error: unknown, messages: readonly ChatMessage[], tools: readonly Tool[] | undefined): unknown {
  // Macros that call themselves for ever end as a RangeError.
  if (!(error instanceof TemplateError || error instanceof RangeError)) return error;
  const conversation = `${describeRoles(messages) || 'no messages'}${tools === undefined ? '' : `, with ${tools.length} tools`}`;
  const raised = error instanceof TemplateError && error.raised;
  return new AStarPOError(
    'ASTARPO_CHAT_TEMPLATE',
    `expected messages that the chat template renders, got ${conversation}: ${raised ? 'it says' : 'it fails with'} "${error.message}"`,
    {
      hint: raised
        ? 'leave out what it refuses (a system prompt, tools, messages of one role in a row), or give another template with chat.template (--chat-template FILE)'
        : 'give what it asks for with chat.variables (--chat-variable NAME=VALUE), or another template with chat.template (--chat-template FILE)',
      cause: error,
    },
  );
}

/** The text of every node of one type. */
function* valuesOf(node: unknown, wanted: 'Identifier' | 'StringLiteral'): Generator<string, void, undefined> {
  if (typeof node !== 'object' || node === null) return;
  const { type, value } = node as { type?: unknown; value?: unknown };
  if (type === wanted && typeof value === 'string') yield value;
  const children = node instanceof Map ? [...node].flat() : Object.values(node);
  for (const child of children) yield* valuesOf(child, wanted);
}
