import { createHash } from 'node:crypto';
import { canonicalJson, type JsonObject } from '../util/json.ts';
import { shapeJson } from './config.ts';
import { isFresh } from './lora/adapter.ts';
import type { NativeModel } from './native-model.ts';

/**
 * SHA-256, in hex, over everything that changes what the model says: shape, dtype, weights, tokenizer, chat format, adapter. An adapter
 * whose B is 0 changes nothing: such a model hashes like its base, and so do samples that were drawn from either.
 */
export async function contentHash(model: NativeModel): Promise<string> {
  const base = await model.baseHash();
  if (model.adapter === undefined || (await isFresh(model))) return base;
  const content: JsonObject = { base, adapter: (await adapterHash(model)) ?? null, merged: model.adapter.merged };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}

/** The same of the model without its adapter. */
export async function hashBase(model: NativeModel): Promise<string> {
  const content: JsonObject = {
    config: shapeJson(model.config),
    dtype: model.device.dtype,
    tensors: await hashTensors(model, model.tensors()),
    tokenizer: model.tokenizer.hash,
    chat: model.chatOrNone?.version ?? null,
  };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}

/** SHA-256, in hex, over an adapter alone: modules, scales, both matrices of each. Undefined for a model without one. */
export async function adapterHash(model: NativeModel): Promise<string | undefined> {
  const { adapter } = model;
  if (adapter === undefined) return undefined;
  const content: JsonObject = {
    modules: adapter.modules.map(({ module, rank, scale }) => ({ module, rank, scale })),
    tensors: await hashTensors(model, model.adapterTensors()),
  };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}

/** Elements that are hashed in one go: an embedding matrix as a whole would take its size in memory three times. */
const pieceElements = 2 ** 22;

/** `NAME SHAPE SHA-256…` of every tensor's values in fp32, piece by piece. */
async function hashTensors(model: NativeModel, tensors: readonly { name: string; shape: readonly number[] }[]): Promise<string[]> {
  const hashes: string[] = [];
  for (const { name, shape } of tensors) {
    const elements = shape.reduce((product, n) => product * n, 1);
    const digests: string[] = [];
    for (let begin = 0; begin < elements; begin += pieceElements) {
      const values = await model.readTensor(name, begin, Math.min(pieceElements, elements - begin));
      // Off this thread: a whole model has billions of bytes.
      digests.push(Buffer.from(await crypto.subtle.digest('SHA-256', values)).toString('hex'));
    }
    hashes.push(`${name} ${shape.join('x')} ${digests.join(' ')}`);
  }
  return hashes;
}
