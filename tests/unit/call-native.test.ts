import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { AStarPOError } from '../../lib/errors.ts';
import { callNative, callNativeSync } from '../../lib/model/call-native.ts';
import type { AbortHandle, NativeAddon } from '../../lib/native/addon.ts';

/** An addon of which only the abort handles are used. */
function fakeAddon() {
  const aborted: AbortHandle[] = [];
  const addon = {
    newAbort: () => ({}) as AbortHandle,
    abort: (handle: AbortHandle) => aborted.push(handle),
  } as unknown as NativeAddon;
  return { addon, aborted };
}

const nativeError = (code: string, message: string) => Object.assign(new Error(message), { code });

describe('callNative', () => {
  it('gives the result, with an abort handle only when there is a signal', async () => {
    const { addon } = fakeAddon();
    expect(await callNative(addon, async (abort) => [1, abort])).toEqual([1, undefined]);
    expect(await callNative(addon, async (abort) => typeof abort, { signal: new AbortController().signal })).toBe('object');
  });

  it('turns coded native errors into AStarPOErrors with the stack of the caller', async () => {
    const { addon } = fakeAddon();
    async function userCode() {
      await callNative(addon, () => Promise.reject(nativeError('ASTARPO_BATCH', 'expected a, got b')));
    }
    const error = await userCode().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AStarPOError);
    expect(error).toMatchObject({ code: 'ASTARPO_BATCH', message: 'expected a, got b' });
    expect((error as Error).stack).toContain('userCode');
    expect((error as Error).stack).toContain('expected a, got b');
  });

  it('takes what to do next from the line that native code puts it on', async () => {
    const { addon } = fakeAddon();
    const text = 'expected a, got b\n  do c';
    const error = await callNative(addon, () => Promise.reject(nativeError('ASTARPO_IO', text))).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'ASTARPO_IO', message: text, hint: 'do c' });
  });

  it('errors without a known code are bugs of this library', async () => {
    const { addon } = fakeAddon();
    const cause = nativeError('EPERM', 'odd');
    await expect(callNative(addon, () => Promise.reject(cause))).rejects.toMatchObject({ code: 'ASTARPO_INTERNAL', cause });
    await expect(callNative(addon, () => Promise.reject(nativeError('constructor', 'odd')))).rejects.toMatchObject({
      code: 'ASTARPO_INTERNAL',
    });
    expect(() =>
      callNativeSync(() => {
        throw nativeError('ASTARPO_BUSY', 'busy');
      }),
    ).toThrow(expect.objectContaining({ code: 'ASTARPO_BUSY' }));
  });

  it('a signal aborts every call that waits on it, through one listener, and none that has settled', async () => {
    const { addon, aborted } = fakeAddon();
    const controller = new AbortController();
    const { signal } = controller;
    const handles: (AbortHandle | undefined)[] = [];
    const waiting = Array.from({ length: 8 }, () =>
      callNative(
        addon,
        (abort) =>
          new Promise((_, reject) => {
            handles.push(abort);
            signal.addEventListener('abort', () => reject(nativeError('ASTARPO_ABORTED', 'the call was aborted')), { once: true });
          }),
        { signal },
      ).catch((error: unknown) => error),
    );
    await callNative(addon, async () => 'settled', { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(9);
    controller.abort('reason');
    expect(aborted).toEqual(handles);
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'ASTARPO_ABORTED', cause: 'reason' });
  });

  it('leaves nothing on a signal when its last call has settled, and listens again for the next', async () => {
    const { addon, aborted } = fakeAddon();
    const controller = new AbortController();
    const { signal } = controller;
    for (let call = 0; call < 3; call++) {
      await Promise.all([callNative(addon, async () => 1, { signal }), callNative(addon, async () => 2, { signal })]);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    }
    const last = callNative(addon, () => new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })), { signal });
    controller.abort();
    await last;
    expect(aborted).toHaveLength(1);
  });

  it('a signal that has fired starts nothing', async () => {
    const { addon } = fakeAddon();
    let started = false;
    const call = callNative(
      addon,
      async () => {
        started = true;
      },
      { signal: AbortSignal.abort('why') },
    );
    await expect(call).rejects.toMatchObject({ code: 'ASTARPO_ABORTED', cause: 'why' });
    expect(started).toBe(false);
  });
});
