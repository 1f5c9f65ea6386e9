import { AStarPOError } from '../errors.ts';
import type { SequenceHandle } from '../native/addon.ts';
import { catchLeak, DisposeGuard, forgetLeak } from '../util/dispose.ts';
import { callNative, callNativeSync } from './call-native.ts';
import type { Generated, GenerateParams, Sequence } from './generator.ts';
import type { NativeModel } from './native-model.ts';
import { toNativeRequest } from './sampling.ts';
import { toTokenIds } from './token-ids.ts';

/** A sequence of a native model. */
export class ModelSequence implements Sequence {
  readonly #model: NativeModel;
  readonly #handle: SequenceHandle;
  readonly #guard = new DisposeGuard('sequence');

  private constructor(model: NativeModel, handle: SequenceHandle) {
    this.#model = model;
    this.#handle = handle;
    catchLeak(this, 'sequence', releaser(model, handle));
  }

  /** Throws ASTARPO_TOKEN_RANGE, ASTARPO_CONTEXT, ASTARPO_DISPOSED. */
  static create(model: NativeModel, prefix: Int32Array | readonly number[] = []): ModelSequence {
    model.check();
    const sequence = new ModelSequence(
      model,
      callNativeSync(() => model.addon.createSequence(model.handle)),
    );
    try {
      sequence.extend(prefix);
    } catch (error) {
      sequence.release();
      throw error;
    }
    return sequence;
  }

  get tokens(): Int32Array {
    this.#check();
    return callNativeSync(() => this.#model.addon.sequenceTokens(this.#handle));
  }

  get length(): number {
    return this.tokens.length;
  }

  /** Throws ASTARPO_TOKEN_RANGE; ASTARPO_CONTEXT beyond the model's positions; ASTARPO_BUSY while it generates. */
  extend(tokens: Int32Array | readonly number[]): void {
    this.#check();
    const ids = toTokenIds(tokens, this.#model.config.vocabSize);
    if (ids.length === 0) return;
    const { maxPositions } = this.#model.config;
    const length = this.length + ids.length;
    if (length > maxPositions) {
      throw new AStarPOError('ASTARPO_CONTEXT', `expected at most ${maxPositions} tokens, got ${length}`, {
        hint: 'shorten the prompt, end the episode earlier (maxContext), or take a model with more positions',
      });
    }
    callNativeSync(() => this.#model.addon.extendSequence(this.#handle, ids));
  }

  /**
   * Samples until a stop id, maxTokens or the end of the context. Throws ASTARPO_EMPTY_PROMPT, ASTARPO_OPTION, ASTARPO_ABORTED,
   * ASTARPO_BUSY (it already generates), ASTARPO_DISPOSED.
   */
  async generate(
    params: GenerateParams,
    options: { signal?: AbortSignal; onToken?: (id: number, logp: number) => void } = {},
  ): Promise<Generated> {
    this.#check();
    const { addon, config } = this.#model;
    const request = toNativeRequest(params, config.vocabSize, options.onToken);
    if (this.length === 0) {
      throw new AStarPOError('ASTARPO_EMPTY_PROMPT', 'expected a sequence with at least one token, got an empty one', {
        hint: 'extend it first: the first token is predicted from what stands before it',
      });
    }
    const result = await callNative(addon, (abort) => addon.generate(this.#handle, request, abort), { signal: options.signal });
    return { tokens: result.tokens, logps: result.logps, finish: result.finish, weightsVersion: result.version };
  }

  fork(): ModelSequence {
    this.#check();
    return new ModelSequence(
      this.#model,
      callNativeSync(() => this.#model.addon.forkSequence(this.#handle)),
    );
  }

  release(): void {
    forgetLeak(this);
    this.#guard.disposeNow(releaser(this.#model, this.#handle));
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #check(): void {
    this.#guard.check();
    this.#model.check();
  }
}

/** A disposed model has freed its sequences already. */
function releaser(model: NativeModel, handle: SequenceHandle): () => void {
  return () => {
    if (!model.disposed) callNativeSync(() => model.addon.releaseSequence(handle));
  };
}
