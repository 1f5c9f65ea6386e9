import { AStarPOError, type ErrorCode, errorCodes } from '../errors.ts';
import type { AbortHandle, NativeAddon } from '../native/addon.ts';
import { onAbort } from '../util/on-abort.ts';

/**
 * Runs one asynchronous native call: hands it an abort handle tied to `signal`, and turns what it throws into an AStarPOError
 * with the caller's stack. Throws ASTARPO_ABORTED at once when the signal already is.
 */
export async function callNative<T>(
  addon: NativeAddon,
  operation: (abort?: AbortHandle) => Promise<T>,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<T> {
  // Native errors are made where no JavaScript runs: without this stack they would name no caller.
  const caller = new Error();
  Error.captureStackTrace(caller, callNative);
  const { signal } = options;
  if (signal === undefined) {
    try {
      return await operation();
    } catch (error) {
      throw toAStarPOError(error, caller);
    }
  }
  if (signal.aborted) throw aborted(signal, caller);
  const abort = addon.newAbort();
  const stopListening = onAbort(signal, () => addon.abort(abort));
  try {
    return await operation(abort);
  } catch (error) {
    throw toAStarPOError(error, caller, signal.reason);
  } finally {
    stopListening();
  }
}

/** The same for a native call that returns at once. */
export function callNativeSync<T>(operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw toAStarPOError(error);
  }
}

function aborted(signal: AbortSignal, caller: Error): AStarPOError {
  return withStack(new AStarPOError('ASTARPO_ABORTED', 'the call was aborted before it began', { cause: signal.reason }), caller);
}

function toAStarPOError(error: unknown, caller?: Error, reason?: unknown): AStarPOError {
  if (error instanceof AStarPOError) return error;
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === undefined) return withStack(new AStarPOError('ASTARPO_INTERNAL', text, { cause: error }), caller);
  // Native code puts what to do next on a line of its own.
  const [message = text, ...hint] = text.split('\n  ');
  const options = { ...(hint.length > 0 ? { hint: hint.join('\n  ') } : {}), ...(code === 'ASTARPO_ABORTED' ? { cause: reason } : {}) };
  return withStack(new AStarPOError(code, message, options), caller);
}

function codeOf(error: unknown): ErrorCode | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined;
}

function withStack(error: AStarPOError, caller: Error | undefined): AStarPOError {
  const frames = caller?.stack?.split('\n').slice(1).join('\n');
  if (frames !== undefined && frames !== '') error.stack = `${error.name}: ${error.message}\n${frames}`;
  return error;
}
