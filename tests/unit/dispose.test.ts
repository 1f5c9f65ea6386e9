import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { catchLeak, DisposeGuard, forgetLeak } from '../../lib/util/dispose.ts';

describe('DisposeGuard', () => {
  it('frees once, gives every caller the same promise, and refuses use from the first call on', async () => {
    const guard = new DisposeGuard('thing');
    let freed = 0;
    guard.check();
    const first = guard.dispose(async () => {
      freed++;
    });
    expect(guard.disposed).toBe(true);
    expect(guard.dispose(() => Promise.reject(new Error('twice')))).toBe(first);
    await first;
    expect(freed).toBe(1);
    expect(() => guard.check()).toThrow(expect.objectContaining({ code: 'ASTARPO_DISPOSED', message: expect.stringContaining('thing') }));
  });

  it('disposeNow frees at once, once', () => {
    const guard = new DisposeGuard('thing');
    let freed = 0;
    guard.disposeNow(() => freed++);
    guard.disposeNow(() => freed++);
    expect(freed).toBe(1);
  });
});

describe('the net below forgotten disposals', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

  it('frees what was collected and warns; leaves alone what was disposed', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.message);
    process.on('warning', listen);
    const freed: string[] = [];
    (() => {
      catchLeak({}, 'forgotten thing', () => {
        freed.push('forgotten');
      });
      catchLeak({}, 'broken thing', () => Promise.reject(new Error('no')));
      const kept = {};
      catchLeak(kept, 'disposed thing', () => {
        freed.push('disposed');
      });
      forgetLeak(kept);
    })();
    for (let i = 0; i < 50 && warnings.length < 3; i++) {
      collect();
      await settle();
    }
    process.off('warning', listen);
    expect(freed).toEqual(['forgotten']);
    expect(warnings.filter((text) => text.includes('forgotten thing'))).toHaveLength(1);
    expect(warnings.some((text) => text.includes('freeing a collected broken thing failed'))).toBe(true);
    expect(warnings.some((text) => text.includes('disposed thing'))).toBe(false);
  });
});
