import type { PassHandle } from '../native/addon.ts';
import { catchLeak, forgetLeak } from '../util/dispose.ts';
import { callNativeSync } from './call-native.ts';
import type { NativeModel } from './native-model.ts';

/**
 * A forward pass whose graph waits for `policy.backward(pass, …)`, which consumes it; or for `drop()`. A policy has one open
 * pass at a time. Arrays have length R = Σ mask of the batch.
 */
export class Pass {
  /** Natural log-prob of each row's token, at the batch's temperature. */
  readonly logp: Float32Array;
  /** KL(π‖π_ref) over the vocabulary, per row, in nats; undefined unless asked for. */
  readonly kl: Float32Array | undefined;
  /** Entropy over the vocabulary, per row, in nats; undefined unless asked for. */
  readonly entropy: Float32Array | undefined;
  /** @internal */
  readonly handle: PassHandle;
  /** @internal */
  readonly model: NativeModel;
  #closed = false;

  /** @internal */
  constructor(model: NativeModel, result: { pass: PassHandle; logp: Float32Array; kl?: Float32Array; entropy?: Float32Array }) {
    this.model = model;
    this.handle = result.pass;
    this.logp = result.logp;
    this.kl = result.kl;
    this.entropy = result.entropy;
    catchLeak(this, 'pass', dropper(model, result.pass));
  }

  /** Frees the graph without gradients; idempotent, and harmless after `backward`. */
  drop(): void {
    if (this.#closed) return;
    this.close();
    dropper(this.model, this.handle)();
  }

  /** @internal The native side has consumed the pass. */
  close(): void {
    this.#closed = true;
    forgetLeak(this);
  }

  [Symbol.dispose](): void {
    this.drop();
  }
}

/** A disposed model has freed its passes already. */
function dropper(model: NativeModel, handle: PassHandle): () => void {
  return () => {
    if (!model.disposed) callNativeSync(() => model.addon.dropPass(handle));
  };
}
