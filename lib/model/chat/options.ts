import { AStarPOError } from '../../errors.ts';
import type { JsonObject } from '../../util/json.ts';
import { type OptionNames, refuseUnknownOptions } from '../../util/known-options.ts';
import { reservedVariables, type TemplateSource } from './chat-template.ts';
import type { Tool } from './message.ts';

/** How a model's chat template is used. */
export interface ChatOptions {
  /** A Jinja template in place of the one that the model's folder has. */
  readonly template?: TemplateSource | undefined;
  /** What the template may read besides the messages, such as `{ enable_thinking: false }` or `{ date_string: '26 Jul 2024' }`. */
  readonly variables?: JsonObject | undefined;
  /** Functions that the agent may call in every conversation, as JSON schemas. Default: what the environment's first observation names. */
  readonly tools?: readonly Tool[] | undefined;
  /**
   * What to do with a template that renders earlier turns otherwise than they were said, such as Qwen3's, which drops their thinking:
   * 'check' refuses it before anything is sampled (default); 'keep' lets the conversation grow as it was sampled.
   */
  readonly earlierTurns?: 'check' | 'keep' | undefined;
  /** The date that templates which ask for it see, YYYY-MM-DD with an optional time. Default: the day on which the model was loaded. */
  readonly date?: string | undefined;
}

const names: OptionNames<ChatOptions> = { template: true, variables: true, tools: true, earlierTurns: true, date: true };

/** Throws ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION. */
export function checkChatOptions(options: ChatOptions): void {
  refuseUnknownOptions('chat', options, names);
  const { earlierTurns, tools, variables = {} } = options;
  if (earlierTurns !== undefined && earlierTurns !== 'check' && earlierTurns !== 'keep') {
    throw new AStarPOError('ASTARPO_OPTION', `expected chat.earlierTurns to be 'check' or 'keep', got ${JSON.stringify(earlierTurns)}`);
  }
  if (tools !== undefined && !(Array.isArray(tools) && tools.every((tool) => typeof tool === 'object' && tool !== null))) {
    throw new AStarPOError('ASTARPO_OPTION', `expected chat.tools to be a list of JSON schemas, got ${JSON.stringify(tools)}`);
  }
  const reserved = reservedVariables.find((name) => Object.hasOwn(variables, name));
  if (reserved !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', `expected chat.variables without ${reserved}, which every conversation sets itself, got one`, {
      hint: reserved === 'tools' ? 'give tools with chat.tools' : 'leave it out',
    });
  }
  if (options.date !== undefined) parseDate(options.date);
}

/** Local midnight of today, so that what is sampled on one day sees one date. */
export function today(): Date {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate());
}

/** A local time. Throws ASTARPO_OPTION. */
export function parseDate(text: string): Date {
  const parts = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text)?.slice(1);
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = (parts ?? []).map((part) => Number(part ?? 0));
  const date = new Date(year, month - 1, day, hours, minutes, seconds);
  if (parts !== undefined && date.getMonth() === month - 1 && date.getDate() === day && hours < 24) return date;
  throw new AStarPOError('ASTARPO_OPTION', `expected chat.date to be a date such as 2024-07-26, got ${JSON.stringify(text)}`);
}
