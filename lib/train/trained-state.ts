import { join } from 'node:path';
import { adapterHash } from '../model/content-hash.ts';
import type { ModelCard } from '../model/model-card.ts';
import type { Policy } from '../model/policy.ts';

/*
 * What training changes in a policy: its weights, or with LoRA the adapter alone, and AdamW's state of the same. The base of an adapter
 * stays where the policy was loaded from.
 */

const optimizerName = 'optimizer.safetensors';

/** Writes `model/` or `adapter/` with its card, and `optimizer.safetensors`. Throws ASTARPO_IO. */
export async function saveTrained(policy: Policy, folder: string, card: ModelCard | false): Promise<void> {
  await (policy.lora === undefined ? policy.save(join(folder, 'model'), { card }) : policy.saveAdapter(join(folder, 'adapter'), { card }));
  await policy.saveOptimizer(join(folder, optimizerName));
}

/** Reads what `saveTrained` wrote, bit for bit. Throws like `Policy.load`. */
export async function loadTrained(policy: Policy, folder: string): Promise<void> {
  await (policy.lora === undefined ? policy.loadWeights(join(folder, 'model')) : policy.loadAdapter(join(folder, 'adapter')));
  await policy.loadOptimizer(join(folder, optimizerName));
}

/** Hash of a policy's adapter, its A matrices included, which decide how training goes before they say anything; undefined without one. */
export async function adapterOf(policy: Policy): Promise<string | undefined> {
  return policy.lora === undefined ? undefined : await adapterHash(policy.native);
}
