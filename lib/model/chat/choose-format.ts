import { AStarPOError, isAStarPOError } from '../../errors.ts';
import { nameHint } from '../../util/nearest-name.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { type ChatFormat, needsTemplate } from './chat-format.ts';
import { ChatTemplate, type TemplateSource } from './chat-template.ts';
import { type ChatOptions, checkChatOptions, parseDate, today } from './options.ts';
import { specialTokensOf } from './special-tokens.ts';
import { type ChatFiles, readChatFiles, templateSource } from './template-files.ts';
import { TemplateFormat } from './template-format.ts';
import { chatMLSpecialTokens, compactSpecialTokens, tokenFormatFor } from './token-formats.ts';

/** What a model's folder and its user say about its chats. */
export interface ChatSettings {
  /** Default: what `chat_template` and the special tokens of tokenizer_config.json say. */
  readonly files?: ChatFiles | undefined;
  readonly options?: ChatOptions | undefined;
  /** Ids that end a generation, of generation_config.json or config.json. */
  readonly eosTokenIds?: readonly number[] | undefined;
}

/**
 * The chat format of a tokenizer: by the user's template or the folder's own; without one ChatML if the tokenizer has its tokens, else
 * the compact format. A template that is the one of these formats is that format. Throws ASTARPO_TOKENIZER if it has none of these,
 * ASTARPO_CHAT_TEMPLATE, ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION.
 */
export function chatFormatFor(tokenizer: Tokenizer, { files, options = {}, eosTokenIds }: ChatSettings = {}): ChatFormat {
  checkChatOptions(options);
  const { config } = tokenizer;
  const found = files ?? {
    template: templateSource(config.chat_template, 'tokenizer_config.json'),
    specialTokens: specialTokensOf(config),
  };
  const source = options.template ?? found.template;
  const known = tokenFormatFor(tokenizer);
  if (known !== undefined && (source === undefined || source === known.template)) {
    refuseUnread(options.variables, new Set());
    if (options.tools !== undefined) throw needsTemplate(known, 'tools');
    return known;
  }
  if (source === undefined) {
    throw new AStarPOError(
      'ASTARPO_TOKENIZER',
      'expected a tokenizer with a chat template or the special tokens of a known chat format, got neither',
      {
        hint:
          'give a template with chat.template (--chat-template FILE); known by their tokens are ' +
          `ChatML (${chatMLSpecialTokens.join(' ')}) and compact (${compactSpecialTokens.join(' ')})`,
      },
    );
  }
  const date = options.date === undefined ? today() : parseDate(options.date);
  const template = new ChatTemplate(source, { specialTokens: found.specialTokens, date });
  refuseUnread(options.variables, template.names);
  return new TemplateFormat(tokenizer, template, { ...options, eosTokenIds, dateMoves: options.date === undefined });
}

/** A variable with a slip in its name must not be ignored, though Jinja would. */
function refuseUnread(variables: object | undefined, names: ReadonlySet<string>): void {
  for (const name of Object.keys(variables ?? {})) {
    if (names.has(name)) continue;
    throw new AStarPOError('ASTARPO_OPTION', `expected chat.variables that the chat template reads, got ${name}`, {
      hint: nameHint(name, [...names], 'names in the template'),
    });
  }
}

/**
 * The same, but what a folder lacks or has wrong is given back, to be thrown by who needs a chat format: a base model can be loaded,
 * scored and trained without one. What the user gave is refused at once.
 */
export function chatFormatOrError(tokenizer: Tokenizer, settings: ChatSettings): ChatFormat | AStarPOError {
  try {
    return chatFormatFor(tokenizer, settings);
  } catch (error) {
    const given = Object.values(settings.options ?? {}).some((value) => value !== undefined);
    if (!given && (isAStarPOError(error, 'ASTARPO_CHAT_TEMPLATE') || isAStarPOError(error, 'ASTARPO_TOKENIZER'))) return error;
    throw error;
  }
}

/** The chat format of a model folder, and the template that it came with. Throws as chatFormatOrError does, and ASTARPO_IO. */
export async function loadChatFormat(
  folder: string,
  tokenizer: Tokenizer,
  settings: Omit<ChatSettings, 'files'>,
): Promise<{ chat: ChatFormat | AStarPOError; folderTemplate: TemplateSource | undefined }> {
  let files: ChatFiles;
  try {
    files = await readChatFiles(folder, tokenizer.config);
  } catch (error) {
    if (!isAStarPOError(error, 'ASTARPO_CHAT_TEMPLATE')) throw error;
    if (settings.options?.template === undefined) return { chat: error, folderTemplate: undefined };
    files = { template: undefined, specialTokens: specialTokensOf(tokenizer.config) };
  }
  return { chat: chatFormatOrError(tokenizer, { ...settings, files }), folderTemplate: files.template };
}
