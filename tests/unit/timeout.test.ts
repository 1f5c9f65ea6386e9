import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../../lib/rollout/deadline.ts';
import { withTimeout } from '../../lib/rollout/timeout.ts';
import { breathe } from '../../lib/util/breathe.ts';
import { mapConcurrently } from '../../lib/util/map-concurrently.ts';
import { abortWith } from '../../lib/util/on-abort.ts';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;
const soon = () => new Promise<void>((resolve) => setImmediate(resolve));
const never = () => new Promise<never>(() => undefined);
const what = 'step()';

describe('withTimeout', () => {
  it('gives answers and failures, at once or later, and leaves nothing on the signal', async () => {
    const { signal } = new AbortController();
    const options = { ms: 10_000, what, signal };
    const failure = new Error('failed');
    const throwing = () => {
      throw failure;
    };
    expect(await withTimeout(() => 1, options)).toBe(1);
    expect(await withTimeout(async () => 2, options)).toBe(2);
    await expect(withTimeout(throwing, options)).rejects.toBe(failure);
    await expect(withTimeout(() => soon().then(throwing), options)).rejects.toBe(failure);
    const many = Promise.all(Array.from({ length: 100 }, () => withTimeout(soon, options)));
    expect(listeners(signal)).toBe(1);
    await many;
    expect(listeners(signal)).toBe(0);
  });

  it('gives up in time, and hands over what comes too late', async () => {
    const late: string[] = [];
    let answer = (_: string) => {};
    const work = () =>
      new Promise<string>((resolve) => {
        answer = resolve;
      });
    const waiting = withTimeout(work, { ms: 1, what, late: (value) => late.push(value) });
    await expect(waiting).rejects.toMatchObject({ code: 'ASTARPO_TIMEOUT', message: expect.stringContaining(what) });
    answer('an episode');
    await soon();
    expect(late).toEqual(['an episode']);
    // A failure that comes too late is no unhandled rejection.
    await expect(withTimeout(() => new Promise((_, reject) => setTimeout(reject, 5)), { ms: 1, what })).rejects.toMatchObject({
      code: 'ASTARPO_TIMEOUT',
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
  });

  it('ends with an abort before, in and after its work', async () => {
    const aborted = { code: 'ASTARPO_ABORTED', cause: 'why' };
    let calls = 0;
    const count = () => ++calls;
    await expect(withTimeout(count, { ms: 1000, what, signal: AbortSignal.abort('why') })).rejects.toMatchObject(aborted);
    expect(calls).toBe(0);
    const within = new AbortController();
    const work = () => {
      within.abort('why');
      return never();
    };
    await expect(withTimeout(work, { ms: 1000, what, signal: within.signal })).rejects.toMatchObject(aborted);
    const after = new AbortController();
    const waiting = [0, 1].map(() => withTimeout(never, { ms: 1000, what, signal: after.signal }));
    after.abort('why');
    for (const one of waiting) await expect(one).rejects.toMatchObject(aborted);
    expect(listeners(after.signal)).toBe(0);
  });
});

describe('signals that follow another', () => {
  it('abort with it until they let go', () => {
    const outer = new AbortController();
    const [first, second, third] = [new AbortController(), new AbortController(), new AbortController()];
    const letGo = abortWith(first, outer.signal);
    abortWith(second, outer.signal);
    expect(listeners(outer.signal)).toBe(1);
    letGo();
    letGo();
    outer.abort('why');
    expect([first.signal.aborted, second.signal.aborted, second.signal.reason]).toEqual([false, true, 'why']);
    abortWith(third, outer.signal);
    expect(third.signal.reason).toBe('why');
  });

  it('have a time of their own', async () => {
    const outer = new AbortController();
    const [short, long, none] = [new Deadline(outer.signal, 1), new Deadline(outer.signal, 10_000), new Deadline(outer.signal, undefined)];
    expect(none.signal).toBe(outer.signal);
    expect(new Deadline(undefined, undefined).signal.aborted).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect([short.signal.aborted, short.passed, long.signal.aborted]).toEqual([true, true, false]);
    outer.abort();
    expect([long.signal.aborted, long.passed]).toEqual([true, false]);
    for (const deadline of [short, long, none]) deadline.end();
    expect(listeners(outer.signal)).toBe(0);
  });
});

describe('many at once', () => {
  it('leave timers their turn, and go on in order', async () => {
    let beats = 0;
    const beat = setInterval(() => beats++, 1);
    const order: number[] = [];
    const work = async (place: number) => {
      await breathe();
      for (const end = performance.now() + 1; performance.now() < end; );
      order.push(place);
    };
    await Promise.all(Array.from({ length: 100 }, (_, place) => work(place)));
    clearInterval(beat);
    // Without pauses no timer would ever fire in between.
    expect(beats).toBeGreaterThan(0);
    expect(order).toEqual(Array.from({ length: 100 }, (_, place) => place));
  });

  it('come out in order, at most so many under way', async () => {
    let live = 0;
    let most = 0;
    const work = async (item: number) => {
      most = Math.max(most, ++live);
      for (let i = 0; i < item % 3; i++) await soon();
      live--;
      return item * 2;
    };
    const items = Array.from({ length: 20 }, (_, item) => item);
    expect(await mapConcurrently(items, 6, work)).toEqual(items.map((item) => item * 2));
    expect(most).toBe(6);
    expect(await mapConcurrently([], 6, work)).toEqual([]);
  });

  it('stop with the first failure, once all have ended', async () => {
    const outer = new AbortController();
    const ended: number[] = [];
    const work = async (item: number, signal: AbortSignal) => {
      if (item === 1) throw new Error('first');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended.push(item);
      throw new Error('after it');
    };
    await expect(mapConcurrently([0, 1, 2, 3, 4], 3, work, outer.signal)).rejects.toThrow('first');
    expect(ended.sort()).toEqual([0, 2]);
    expect(listeners(outer.signal)).toBe(0);
    const waiting = mapConcurrently([0, 2], 2, work, outer.signal);
    outer.abort();
    await expect(waiting).rejects.toThrow('after it');
  });
});
