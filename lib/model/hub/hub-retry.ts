import { setTimeout as sleep } from 'node:timers/promises';
import { AStarPOError } from '../../errors.ts';

/** A failure that may be over soon: no connection, a cut one, a server that is busy. */
export class PassingFailure extends Error {
  /** Milliseconds that the server asks to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number | undefined } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Pauses before the second, third, … attempt in a row that achieves nothing. */
const pausesMs: readonly number[] = [500, 1000, 2000, 4000];
const longestPauseMs = 60_000;

/**
 * Calls `attempt` until it succeeds. After a PassingFailure it waits and tries again, from the first pause on whenever `progressed`
 * was called. Throws ASTARPO_DOWNLOAD when the attempts are used up, ASTARPO_ABORTED, and whatever else `attempt` throws.
 */
export async function retrying<T>(
  what: string,
  attempt: (progressed: () => void) => Promise<T>,
  options: { readonly signal?: AbortSignal | undefined; readonly pausesMs?: readonly number[] | undefined } = {},
): Promise<T> {
  const { signal } = options;
  const pauses = options.pausesMs ?? pausesMs;
  let used = 0;
  while (true) {
    if (isAborted(signal)) throw abortedDownload(what, signal);
    try {
      return await attempt(() => {
        used = 0;
      });
    } catch (error) {
      if (isAborted(signal)) throw abortedDownload(what, signal);
      if (!(error instanceof PassingFailure)) throw error;
      const pause = pauses[used++];
      if (pause === undefined) throw usedUp(what, error);
      await sleep(Math.min(longestPauseMs, error.retryAfterMs ?? pause), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** True when a download failed for want of a connection or of a working server, so that something cached may serve instead. */
export function isUnreachable(error: unknown): error is AStarPOError {
  return error instanceof AStarPOError && error.code === 'ASTARPO_DOWNLOAD' && error.cause instanceof PassingFailure;
}

function usedUp(what: string, failure: PassingFailure): AStarPOError {
  return new AStarPOError('ASTARPO_DOWNLOAD', `could not fetch ${what}: ${failure.message}`, {
    hint: 'check the network (HTTPS_PROXY, HF_ENDPOINT) and run it again: what has arrived is kept and continued',
    cause: failure,
  });
}

/** What an aborted download throws. */
export function abortedDownload(what: string, signal: AbortSignal): AStarPOError {
  return new AStarPOError('ASTARPO_ABORTED', `the download of ${what} was aborted; what has arrived is kept`, { cause: signal.reason });
}

function isAborted(signal: AbortSignal | undefined): signal is AbortSignal {
  return signal?.aborted === true;
}
