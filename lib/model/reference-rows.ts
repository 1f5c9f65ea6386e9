import { AStarPOError } from '../errors.ts';
import type { RowsHandle } from '../native/addon.ts';
import { catchLeak, DisposeGuard, forgetLeak } from '../util/dispose.ts';
import { callNativeSync } from './call-native.ts';
import type { NativeModel } from './native-model.ts';

/** Rows [begin, end) of a reference's batch, for the forward pass of the same rows. */
export interface ReferenceRowsSlice {
  readonly rows: ReferenceRows;
  readonly begin: number;
  readonly end: number;
}

/**
 * What a full-vocabulary KL needs of the reference: its hidden rows and its own head, in native memory. Logits are never kept.
 * Holds `hiddenSize` numbers per row until disposed.
 */
export class ReferenceRows {
  /** [R]: the reference's log-prob of each row's token. */
  readonly logp: Float32Array;
  readonly #handle: RowsHandle;
  readonly #free: () => void;
  readonly #guard = new DisposeGuard('set of reference rows');

  /** @internal */
  constructor(model: NativeModel, handle: RowsHandle, logp: Float32Array) {
    this.logp = logp;
    this.#handle = handle;
    this.#free = releaser(model, handle);
    catchLeak(this, 'set of reference rows', this.#free);
  }

  /** Rows [beginRow, endRow), as the rows of one micro-batch. Throws ASTARPO_BATCH outside 0…R. */
  slice(beginRow: number, endRow: number): ReferenceRowsSlice {
    this.#guard.check();
    const count = this.logp.length;
    if (!Number.isInteger(beginRow) || !Number.isInteger(endRow) || beginRow < 0 || endRow < beginRow || endRow > count) {
      throw new AStarPOError('ASTARPO_BATCH', `expected a range within ${count} rows, got ${beginRow} to ${endRow}`);
    }
    return { rows: this, begin: beginRow, end: endRow };
  }

  /** @internal */
  get handle(): RowsHandle {
    this.#guard.check();
    return this.#handle;
  }

  /** Frees the rows; idempotent. */
  dispose(): void {
    forgetLeak(this);
    this.#guard.disposeNow(this.#free);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function releaser(model: NativeModel, handle: RowsHandle): () => void {
  return () => callNativeSync(() => model.addon.releaseRows(handle));
}
