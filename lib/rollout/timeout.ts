import { AStarPOError } from '../errors.ts';

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
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  // Set in the moment of giving up, not after it: an answer that comes between the two must not be forgotten.
  let gaveUp = false;
  const answer = Promise.resolve()
    .then(work)
    .then((value) => {
      if (gaveUp) options.late?.(value);
      return value;
    });
  // A failure in time is reported by the race; one that comes later has nobody left to tell.
  answer.catch(() => undefined);
  const interrupted = new Promise<never>((_, reject) => {
    const giveUp = (error: AStarPOError) => {
      gaveUp = true;
      reject(error);
    };
    timer = setTimeout(() => {
      giveUp(
        new AStarPOError('ASTARPO_TIMEOUT', `expected ${what} to answer within ${ms / 1000} s, got nothing`, {
          hint: 'the environment hangs or is slow; raise stepTimeoutMs if it needs longer',
        }),
      );
    }, ms);
    onAbort = () => giveUp(abortedError(signal as AbortSignal));
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([answer, interrupted]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}
