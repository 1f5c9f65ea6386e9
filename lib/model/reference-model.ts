import type { ChatFormat } from './chat.ts';
import type { ModelConfig } from './config.ts';
import type { DeviceOptions } from './device-options.ts';
import type { Generated, Generator, Sequence } from './generator.ts';
import { saveModelFolder } from './model-folder.ts';
import { type CallOptions, type GenerateRequest, NativeModel } from './native-model.ts';
import type { PackedBatch } from './packed-batch.ts';
import type { Policy } from './policy.ts';
import { ReferenceRows } from './reference-rows.ts';
import type { Tokenizer } from './tokenizer.ts';

/**
 * The frozen model that a policy is measured against: generates and scores, never learns. Identified by its content hash.
 * Every method throws ASTARPO_DISPOSED after dispose().
 */
export class ReferenceModel implements Generator {
  readonly #native: NativeModel;
  /** SHA-256, in hex, over shape, dtype, weights, tokenizer and chat format. */
  readonly hash: string;

  private constructor(native: NativeModel, hash: string) {
    this.#native = native;
    this.hash = hash;
  }

  /** A copy of the policy's weights as they are now. Throws ASTARPO_OUT_OF_MEMORY. */
  static async of(policy: Policy): Promise<ReferenceModel> {
    return ReferenceModel.#from(await policy.native.copy('reference model'));
  }

  /** Loads a Hugging Face folder. Throws like `Policy.load`. */
  static async load(folder: string, options: DeviceOptions = {}): Promise<ReferenceModel> {
    return ReferenceModel.#from(await NativeModel.load('reference model', folder, options));
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

  /** Writes a Hugging Face folder, whole or not at all. Throws ASTARPO_IO. */
  save(folder: string): Promise<void> {
    return saveModelFolder(this.#native, folder);
  }

  /** Cancels what is queued, waits for what runs, frees the weights and all rows made from them. Idempotent. */
  dispose(): Promise<void> {
    return this.#native.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
