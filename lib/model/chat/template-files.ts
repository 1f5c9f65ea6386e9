import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AStarPOError } from '../../errors.ts';
import { ioError } from '../../util/atomic-file.ts';
import type { JsonObject, JsonValue } from '../../util/json.ts';
import { asJsonObject, readJsonFile } from '../files.ts';
import type { NamedTemplate, TemplateSource } from './chat-template.ts';
import { specialTokensOf } from './special-tokens.ts';

/** What a model folder says about its chats. */
export interface ChatFiles {
  /** Undefined where the folder has none, as those of base models. */
  readonly template: TemplateSource | undefined;
  readonly specialTokens: Readonly<Record<string, string>>;
}

const folderOfMore = 'additional_chat_templates';

/**
 * Finds the chat template where transformers does: in chat_template.jinja and additional_chat_templates/NAME.jinja, else under
 * `chat_template` of tokenizer_config.json, else in chat_template.json. Throws ASTARPO_IO, ASTARPO_CHAT_TEMPLATE.
 * @param config tokenizer_config.json
 */
export async function readChatFiles(folder: string, config: JsonObject): Promise<ChatFiles> {
  const map = await readJsonFile(join(folder, 'special_tokens_map.json'), 'ASTARPO_TOKENIZER');
  const files = await readTemplates(folder);
  const other = async () => {
    const json = await readJsonFile(join(folder, 'chat_template.json'), 'ASTARPO_CHAT_TEMPLATE');
    return json === undefined ? undefined : templateSource(json.chat_template, join(folder, 'chat_template.json'));
  };
  const template = files ?? templateSource(config.chat_template, join(folder, 'tokenizer_config.json')) ?? (await other());
  return { template, specialTokens: specialTokensOf(config, map) };
}

async function readTemplates(folder: string): Promise<TemplateSource | undefined> {
  const main = await readText(join(folder, 'chat_template.jinja'));
  const more = (await list(join(folder, folderOfMore))).filter((name) => name.endsWith('.jinja')).sort();
  const named: NamedTemplate[] = main === undefined ? [] : [{ name: 'default', template: main }];
  for (const name of more) {
    const template = await readText(join(folder, folderOfMore, name));
    if (template !== undefined) named.push({ name: name.slice(0, -'.jinja'.length), template });
  }
  return named.length === 1 && main !== undefined ? main : named.length > 0 ? named : undefined;
}

/** `chat_template` as JSON has it: text, a list of `{ name, template }`, or an object from name to template. */
export function templateSource(value: JsonValue | undefined, path: string): TemplateSource | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  const entries = Array.isArray(value)
    ? value.map((entry: JsonValue) => [asJsonObject(entry)?.name, asJsonObject(entry)?.template] as const)
    : Object.entries(value);
  return entries.map(([name, template]) => {
    if (typeof name === 'string' && typeof template === 'string') return { name, template };
    throw new AStarPOError('ASTARPO_CHAT_TEMPLATE', `expected chat_template of ${path} to be text or a list of { name, template }`, {
      hint: 'give a template with chat.template (--chat-template FILE)',
    });
  });
}

/** Makes `source` the chat template of a folder, in the files that come before all others. Throws ASTARPO_IO. */
export async function writeChatTemplate(folder: string, source: TemplateSource): Promise<void> {
  const named = typeof source === 'string' ? [{ name: 'default', template: source }] : source;
  const more = join(folder, folderOfMore);
  try {
    await rm(more, { recursive: true, force: true });
    for (const { name, template } of named) {
      if (name === 'default') await writeFile(join(folder, 'chat_template.jinja'), template);
      else {
        await mkdir(more, { recursive: true });
        await writeFile(join(more, `${name}.jinja`), template);
      }
    }
  } catch (error) {
    throw ioError('write', folder, error);
  }
}

/** A file's text, undefined if there is no such file. Throws ASTARPO_IO. */
async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw ioError('read', path, error);
  });
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw ioError('read', folder, error);
  });
}
