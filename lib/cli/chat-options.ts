import { readFileSync } from 'node:fs';
import { AStarPOError } from '../errors.ts';
import type { ChatOptions } from '../model/chat/options.ts';
import { ioError } from '../util/atomic-file.ts';
import { defined } from '../util/defined.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';

export interface ChatConfig {
  readonly chatTemplate?: string | undefined;
  readonly chatVariable?: readonly string[] | undefined;
  readonly chatDate?: string | undefined;
  readonly earlierTurns?: 'check' | 'keep' | undefined;
}

/** What the flags say about the chat template; undefined if they say nothing. Throws ASTARPO_IO, ASTARPO_OPTION. */
export function chatOptions({ chatTemplate, chatVariable, chatDate: date, earlierTurns }: ChatConfig): ChatOptions | undefined {
  const template = chatTemplate === undefined ? undefined : readTemplate(chatTemplate);
  const variables = chatVariable === undefined ? undefined : parseVariables(chatVariable);
  const options = defined({ template, variables, date, earlierTurns });
  return Object.keys(options).length === 0 ? undefined : options;
}

function readTemplate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw ioError('read', file, error);
  }
}

/** `name=value`, where a value that is JSON (false, 3, "text") is that, and any other is text. */
function parseVariables(texts: readonly string[]): JsonObject {
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
      if (name !== undefined && value !== undefined) return [name, parseValue(value)];
      throw new AStarPOError('ASTARPO_OPTION', `expected --chat-variable as NAME=VALUE, got ${JSON.stringify(text)}`, {
        hint: 'for example --chat-variable enable_thinking=false',
      });
    }),
  );
}

function parseValue(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
