import { AStarPOError } from '../errors.ts';
import { refuseUnknownOptions } from '../util/known-options.ts';
import type { ChatFormat } from './chat/chat-format.ts';
import type { ModelConfig } from './config.ts';
import type { Generated, Generator, Sequence } from './generator.ts';
import { loadModel } from './load-model.ts';
import { checkLoadOptions, type LoadOptions } from './load-options.ts';
import { isFresh } from './lora/adapter.ts';
import { saveAdapterFolder } from './lora/save-adapter.ts';
import { saveModelFolder } from './model-folder.ts';
import type { CallOptions, GenerateRequest, NativeModel } from './native-model.ts';
import type { PackedBatch } from './packed-batch.ts';
import type { Policy } from './policy.ts';
import { ReferenceRows } from './reference-rows.ts';
import type { SaveModelOptions } from './save-options.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface ReferenceOptions {
  /** What becomes of the policy's low-rank adapter: 'copy' (default), or 'off' for the base alone, however far the adapter is trained. */
  readonly adapter?: 'copy' | 'off' | undefined;
}

/**
 * The frozen model that a policy is measured against: generates and scores, never learns. Identified by its content hash.
 * Every method throws ASTARPO_DISPOSED after dispose().
 */
export class ReferenceModel implements Generator {
  readonly #native: NativeModel;
  /** SHA-256, in hex, over shape, dtype, weights, adapter, tokenizer and chat format. */
  readonly hash: string;

  private constructor(native: NativeModel, hash: string) {
    this.#native = native;
    this.hash = hash;
  }

  /**
   * The policy as it is now. Without an adapter this copies the weights; with one the base is shared, and the adapter is copied, or left
   * out while its B is 0 or where `adapter` is 'off': then the reference is the base, and its hash that of the base loaded without an
   * adapter. Throws ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION, ASTARPO_OUT_OF_MEMORY.
   */
  static async of(policy: Policy, options: ReferenceOptions = {}): Promise<ReferenceModel> {
    refuseUnknownOptions('ReferenceModel.of', options, { adapter: true });
    const { adapter = 'copy' } = options;
    if (adapter !== 'copy' && adapter !== 'off') {
      throw new AStarPOError('ASTARPO_OPTION', `expected adapter to be copy or off, got ${String(adapter)}`);
    }
    const { native } = policy;
    return ReferenceModel.#from(await native.copy('reference model', (await isFresh(native)) ? 'off' : adapter));
  }

  /** Loads a Hugging Face folder, a model of the hub, or an adapter with its base. Throws like `Policy.load`. */
  static async load(model: string, options: Omit<LoadOptions, 'lora'> = {}): Promise<ReferenceModel> {
    checkLoadOptions('ReferenceModel.load', options);
    return ReferenceModel.#from(await loadModel('reference model', model, options));
  }

  static async #from(native: NativeModel): Promise<ReferenceModel> {
    try {
      return new ReferenceModel(native, await native.contentHash());
    } catch (error) {
      await native.dispose();
      throw error;
    }
  }

  /** The content hash: what samples of this model are filed under. */
  get view(): string {
    return this.hash;
  }

  get config(): ModelConfig {
    return this.#native.config;
  }

  get tokenizer(): Tokenizer {
    return this.#native.tokenizer;
  }

  /** Throws like `Policy.chat`. */
  get chat(): ChatFormat {
    return this.#native.chat;
  }

  get device(): string {
    return this.#native.device.device;
  }

  get dtype(): 'float32' | 'bfloat16' {
    return this.#native.device.dtype;
  }

  get reproducible(): boolean {
    return this.#native.device.reproducible;
  }

  get maxPositions(): number {
    return this.#native.config.maxPositions;
  }

  get weightsVersion(): number {
    return this.#native.weightsVersion;
  }

  /** A sequence whose keys and values stay between turns. Throws ASTARPO_TOKEN_RANGE, ASTARPO_CONTEXT. */
  sequence(prefix?: Int32Array | readonly number[]): Sequence {
    return this.#native.sequence(prefix);
  }

  /** Completes all prompts in one batch, like `Policy.generate`. */
  generate(requests: readonly GenerateRequest[], options: CallOptions = {}): Promise<Generated[]> {
    return this.#native.generate(requests, options);
  }

  /** Log-prob of every row: [R]. On the CPU bit-equal to the policy's while the weights are. Throws ASTARPO_BATCH. */
  score(batch: PackedBatch, options: CallOptions = {}): Promise<Float32Array> {
    return this.#native.score(batch, options);
  }

  /** Log-probs, and what `Policy.forward` needs for the full-vocabulary KL; dispose it after use. Throws ASTARPO_BATCH. */
  async rows(batch: PackedBatch, options: CallOptions = {}): Promise<ReferenceRows> {
    const native = this.#native;
    const { rows, logp } = await native.call((abort) => native.addon.rows(native.handle, batch, abort), options);
    return new ReferenceRows(native, rows, logp);
  }

  /** Writes a Hugging Face folder, whole or not at all, like `Policy.save`. */
  save(folder: string, options: SaveModelOptions = {}): Promise<void> {
    return saveModelFolder(this.#native, folder, options);
  }

  /**
   * Writes what a run needs to make this reference again: nothing where it is the base of the policy's own adapter, the adapter alone
   * where it shares that base, else a whole model. Throws ASTARPO_IO.
   */
  async saveBeside(policy: Policy, folder: string): Promise<void> {
    const native = this.#native;
    if (!native.sharesBase(policy.native)) await this.save(folder);
    else if (native.adapter !== undefined) await saveAdapterFolder(native, folder);
  }

  /** Cancels what is queued, waits for what runs, frees the weights and all rows made from them. Idempotent. */
  dispose(): Promise<void> {
    return this.#native.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
