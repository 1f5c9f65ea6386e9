import { AStarPOError } from '../errors.ts';
import { onAbort } from '../util/on-abort.ts';

/** The coded error of an aborted call. */
export function abortedError(signal: AbortSignal): AStarPOError {
  return new AStarPOError('ASTARPO_ABORTED', 'the call was aborted', { cause: signal.reason });
}

/** Throws ASTARPO_ABORTED once `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal);
}

/**
 * What `work` gives, unless it takes longer than `ms` (ASTARPO_TIMEOUT, naming `what`) or `signal` aborts (ASTARPO_ABORTED).
 * An answer that comes too late is dropped; `late` gets it, so that it can be closed.
 */
export async function withTimeout<T>(
  work: () => T | Promise<T>,
  options: { ms: number; what: string; signal?: AbortSignal | undefined; late?: (value: T) => void },
): Promise<T> {
  const { ms, what, signal } = options;
  throwIfAborted(signal);
  const answer = work();
  // What is there already needs no timer: with thousands of episodes they are most of the cost of a step.
  if (!isPromise(answer)) return answer;
  return await new Promise<T>((resolve, reject) => {
    // Set in the moment of giving up, not after it: an answer that comes between the two must not be forgotten.
    let gaveUp = false;
    let stopListening: (() => void) | undefined;
    const settle = () => {
      clearTimeout(timer);
      stopListening?.();
    };
    const giveUp = (error: AStarPOError) => {
      gaveUp = true;
      settle();
      reject(error);
    };
    const timer = setTimeout(() => {
      giveUp(
        new AStarPOError('ASTARPO_TIMEOUT', `expected ${what} to answer within ${ms / 1000} s, got nothing`, {
          hint: 'the environment hangs or is slow; raise stepTimeoutMs if it needs longer',
        }),
      );
    }, ms);
    Promise.resolve(answer).then(
      (value) => {
        if (gaveUp) options.late?.(value);
        else {
          settle();
          resolve(value);
        }
      },
      (error: unknown) => {
        // A failure that comes too late has nobody left to tell.
        if (gaveUp) return;
        settle();
        reject(error);
      },
    );
    if (signal === undefined) return;
    // It may have been aborted by the work itself.
    if (signal.aborted) giveUp(abortedError(signal));
    else stopListening = onAbort(signal, () => giveUp(abortedError(signal)));
  });
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Promise<T>>).then === 'function';
}
