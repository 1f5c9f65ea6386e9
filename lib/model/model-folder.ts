import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type FolderKind, writeFolderAtomic } from '../util/atomic-folder.ts';
import type { JsonValue } from '../util/json.ts';
import { cardName, cardSubject, refuseForeignCard } from './card-file.ts';
import type { ChatFormat } from './chat/chat-format.ts';
import { writeChatTemplate } from './chat/template-files.ts';
import { toHuggingFace } from './config.ts';
import { configText } from './config-text.ts';
import { eosJson } from './families/decoder-keys.ts';
import { renderModelCard } from './model-card.ts';
import type { NativeModel } from './native-model.ts';
import { layoutSafetensors, writeSafetensors } from './safetensors.ts';
import { type ResolvedSave, resolveSave, type SaveModelOptions } from './save-options.ts';
import { weightIndexName } from './weight-index.ts';
import { planShards, weightIndex } from './weight-shards.ts';

const modelFolder: FolderKind = {
  what: 'a model folder',
  marker: 'config.json',
  files:
    /(\.safetensors|\.safetensors\.index\.json|^[a-z_]+\.json|^merges\.txt|^tokenizer\.model|^chat_template\.jinja|^additional_chat_templates|^README\.md)$/,
};

/**
 * Writes a folder that transformers and vLLM open: config.json, generation_config.json, the weights in one file or in shards, the
 * tokenizer's files with the chat template, a model card. Text files stay byte for byte what they were in the folder that the model
 * was loaded from. An adapter is folded into the weights. All of it is written beside `folder` and renamed when complete, so that
 * neither a crash nor a full disk leaves half a model; an older model of that name is replaced. Throws ASTARPO_IO, also when `folder`
 * holds anything but a model; ASTARPO_OPTION, ASTARPO_STALE, ASTARPO_ABORTED.
 */
export async function saveModelFolder(model: NativeModel, folder: string, options: SaveModelOptions = {}): Promise<void> {
  const save = resolveSave(options, model.device.dtype);
  const card = save.card === false ? undefined : renderModelCard(save.card, cardSubject(model, folder, 'model', save.dtype));
  await refuseForeignCard(folder);
  const write = async (temporary: string) => {
    await writeFile(join(temporary, 'config.json'), configText(toHuggingFace(model.config, save.dtype)));
    await writeTextFiles(model, temporary);
    await model.atOneVersion(() => writeWeights(model, temporary, save));
    if (card !== undefined) await writeFile(join(temporary, cardName), card);
  };
  await writeFolderAtomic(folder, modelFolder, write, (first, second) => model.exchangePaths(first, second));
}

async function writeWeights(model: NativeModel, folder: string, { maxShardBytes, stored, signal }: ResolvedSave): Promise<void> {
  const tensors = model.tensors().map(({ name, shape }) => ({ name, shape, dtype: stored }));
  const shards = planShards(tensors, maxShardBytes);
  for (const { fileName, tensors: own } of shards) {
    const layout = layoutSafetensors(own, { format: 'pt' });
    await writeSafetensors(join(folder, fileName), layout, (path) => model.writeTensors('merged', path, layout, { signal }));
  }
  if (shards.length > 1) await writeJson(join(folder, weightIndexName), weightIndex(shards));
}

/** The files that the model came with; what it came without is made from the tokenizer and the chat format. */
async function writeTextFiles(model: NativeModel, folder: string): Promise<void> {
  const { config, tokenizer, chatOrNone: chat, textFiles } = model;
  const lost = (await textFiles?.copyTo(folder)) ?? [];
  if (lost.length > 0) {
    process.emitWarning(
      `${lost.join(', ')} of ${model.source?.folder} changed since the model was loaded; written from memory where known`,
      {
        code: 'ASTARPO_TEXT_FILES',
      },
    );
  }
  const has = (name: string) => textFiles?.has(name) === true && !lost.includes(name);
  if (!has('generation_config.json')) await writeJson(join(folder, 'generation_config.json'), { eos_token_id: eosJson(config) });
  if (!has('tokenizer.json') || !has('tokenizer_config.json')) {
    const stop = chat === undefined ? {} : { eos_token: tokenizer.decode([chat.stopIds[0] ?? 0]) };
    await tokenizer.save(folder, { ...stop, ...(hasTemplate(chat) ? { chat_template: chat.template as JsonValue } : {}) });
    await textFiles?.copyTo(folder);
  }
  const fromFolder = has('tokenizer_config.json') || model.folderTemplate !== undefined;
  if (fromFolder && hasTemplate(chat) && !isDeepStrictEqual(chat.template, model.folderTemplate)) {
    await writeChatTemplate(folder, chat.template);
  }
}

/** A format of the user's own may have no template. */
function hasTemplate(chat: ChatFormat | undefined): chat is ChatFormat {
  return chat !== undefined && chat.template !== '';
}

function writeJson(path: string, value: object): Promise<void> {
  return writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
