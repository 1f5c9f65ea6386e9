import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FolderKind, writeFolderAtomic } from '../util/atomic-folder.ts';
import { toHuggingFace } from './config.ts';
import { eosJson } from './families/decoder-keys.ts';
import type { NativeModel } from './native-model.ts';
import { layoutSafetensors, writeSafetensors } from './safetensors.ts';

const modelFolder: FolderKind = {
  what: 'a model folder',
  marker: 'config.json',
  files: /(\.safetensors|\.safetensors\.index\.json|^[a-z_]+\.json|^merges\.txt|^chat_template\.jinja)$/,
};

/**
 * Writes a folder that transformers opens: config.json, generation_config.json, model.safetensors and the tokenizer's files with
 * the chat template. It is written beside `folder` and renamed when complete, so that neither a crash nor a full disk leaves half
 * a model; an older model of that name is replaced. An adapter is folded into the weights. Throws ASTARPO_IO, also when `folder` holds anything but a model.
 */
export function saveModelFolder(model: NativeModel, folder: string): Promise<void> {
  return writeFolderAtomic(folder, modelFolder, (temporary) => writeModelFiles(model, temporary));
}

async function writeModelFiles(model: NativeModel, folder: string): Promise<void> {
  const { config, tokenizer, chat } = model;
  const bfloat16 = model.device.dtype === 'bfloat16';
  await writeJson(join(folder, 'config.json'), toHuggingFace(config, model.device.dtype));
  await writeJson(join(folder, 'generation_config.json'), { eos_token_id: eosJson(config) });
  const stop = tokenizer.decode([chat.stopIds[0] ?? 0]);
  await tokenizer.save(folder, { eos_token: stop, chat_template: tokenizer.config.chat_template ?? chat.template });
  const plans = model.tensors().map(({ name, shape }) => ({ name, shape, dtype: bfloat16 ? ('BF16' as const) : ('F32' as const) }));
  const layout = layoutSafetensors(plans, { format: 'pt' });
  await writeSafetensors(join(folder, 'model.safetensors'), layout, (path) => model.writeTensors('merged', path, layout));
}

function writeJson(path: string, value: object): Promise<void> {
  return writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
