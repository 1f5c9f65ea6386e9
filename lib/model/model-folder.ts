import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { toHuggingFace } from './config.ts';
import { eosJson } from './families/decoder-keys.ts';
import { ioError } from './files.ts';
import type { NativeModel } from './native-model.ts';
import { layoutSafetensors, writeSafetensors } from './safetensors.ts';

/**
 * Writes a folder that transformers opens: config.json, generation_config.json, model.safetensors and the tokenizer's files with
 * the chat template. It is written beside `folder` and renamed when complete, so that neither a crash nor a full disk leaves half
 * a model; an older model of that name is replaced. Throws ASTARPO_IO, also when `folder` holds anything but a model.
 */
export async function saveModelFolder(model: NativeModel, folder: string): Promise<void> {
  const target = resolve(folder);
  await checkReplaceable(target);
  const suffix = randomBytes(4).toString('hex');
  const temporary = join(dirname(target), `.${basename(target)}.${suffix}.tmp`);
  try {
    await mkdir(temporary, { recursive: true });
    await writeModelFiles(model, temporary);
    for (const name of [...(await readdir(temporary)), '.']) await sync(join(temporary, name));
    await replaceFolder(temporary, target, suffix);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error instanceof AStarPOError ? error : ioError('write', target, error);
  }
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
  await writeSafetensors(join(folder, 'model.safetensors'), layout, (path) => model.writeTensors('weights', path, layout));
}

function writeJson(path: string, value: object): Promise<void> {
  return writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Files that a model folder consists of; anything else would be lost when it is replaced. */
const modelFile = /(\.safetensors|\.safetensors\.index\.json|^[a-z_]+\.json|^merges\.txt|^chat_template\.jinja)$/;

async function checkReplaceable(target: string): Promise<void> {
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[];
    throw ioError('write', target, error);
  });
  const foreign = names.find((name) => !modelFile.test(name));
  if (foreign === undefined && (names.length === 0 || names.includes('config.json'))) return;
  throw new AStarPOError('ASTARPO_IO', `expected ${target} to be new, empty or a model folder, got a folder with ${foreign ?? names[0]}`, {
    hint: 'save into a folder of its own',
  });
}

/** POSIX renames over a folder only when that is empty, so the old one steps aside first. */
async function replaceFolder(temporary: string, target: string, suffix: string): Promise<void> {
  const aside = join(dirname(target), `.${basename(target)}.${suffix}.old`);
  const hadOld = await rename(target, aside).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(temporary, target);
  } catch (error) {
    if (hadOld) await rename(aside, target);
    throw error;
  }
  await sync(dirname(target));
  if (hadOld) await rm(aside, { recursive: true });
}
