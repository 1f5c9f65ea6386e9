import { AStarPOError } from '../errors.ts';

/** Remembers whether an object was disposed, and frees it exactly once. */
export class DisposeGuard {
  readonly #what: string;
  #freeing: Promise<void> | undefined;

  /** `what` names the object in errors: 'policy', 'reference model'. */
  constructor(what: string) {
    this.#what = what;
  }

  get disposed(): boolean {
    return this.#freeing !== undefined;
  }

  /** Throws ASTARPO_DISPOSED from the moment dispose() was called. */
  check(): void {
    if (this.#freeing === undefined) return;
    throw new AStarPOError('ASTARPO_DISPOSED', `expected a live ${this.#what}, got one that was disposed`, {
      hint: `keep the ${this.#what} until the last call that uses it has settled`,
    });
  }

  /** Calls `free` the first time; every call returns the promise of that first one. */
  dispose(free: () => Promise<void>): Promise<void> {
    this.#freeing ??= free();
    return this.#freeing;
  }

  /** The same for what is freed at once. */
  disposeNow(free: () => void): void {
    if (this.#freeing !== undefined) return;
    this.#freeing = Promise.resolve();
    free();
  }
}

interface Leak {
  readonly what: string;
  readonly free: () => void | Promise<void>;
}

const leaks = new FinalizationRegistry<Leak>(({ what, free }) => {
  process.emitWarning(`a ${what} was garbage-collected without having been disposed; its native memory is freed now`, {
    code: 'ASTARPO_LEAK',
    detail: `call dispose() or release(), or declare it with 'await using', so that memory never waits for the garbage collector`,
  });
  // A net may fail only by saying so: nobody is left to catch.
  Promise.resolve()
    .then(free)
    .catch((error: unknown) => process.emitWarning(`freeing a collected ${what} failed: ${String(error)}`, { code: 'ASTARPO_LEAK' }));
});

/**
 * The net below forgotten disposals: when `owner` is collected, warns and calls `free`, which must not refer to `owner`.
 * Call `forgetLeak(owner)` when it is disposed properly.
 */
export function catchLeak(owner: object, what: string, free: () => void | Promise<void>): void {
  leaks.register(owner, { what, free }, owner);
}

export function forgetLeak(owner: object): void {
  leaks.unregister(owner);
}
