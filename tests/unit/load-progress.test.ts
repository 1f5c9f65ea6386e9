import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LoadProgress, type ProgressOption, progressReport } from '../../lib/model/progress.ts';

/** A terminal, or a file, that remembers what is written to it. */
function fakeStream(isTTY: boolean) {
  const written: string[] = [];
  const stream = { isTTY, columns: 100, write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
  return { stream, written };
}

const event = (bytes: number): LoadProgress => ({ type: 'download', model: 'org/name', file: 'f', bytes, totalBytes: 2e9 });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the progress of a load', () => {
  it('is a bar on a terminal, after a second, and gone at the end', () => {
    const { stream, written } = fakeStream(true);
    const report = progressReport(undefined, stream);
    report.report(event(0));
    vi.advanceTimersByTime(900);
    report.report(event(5e8));
    expect(written).toEqual([]);
    vi.advanceTimersByTime(1100);
    report.report(event(1e9));
    expect(written.join('')).toContain('downloading org/name ━━━━━━━━━━────────── 50 % · 1.00 GB of 2.00 GB · 500 MB/s · 2s left');
    written.length = 0;
    report.report(event(1.1e9));
    expect(written).toEqual([]);
    vi.advanceTimersByTime(200);
    report.report({ type: 'weights', file: 'g', bytes: 0, totalBytes: 10 });
    report.end();
    expect(written.join('')).toBe('\r\u001b[2K');
  });

  it('is not written to files unless that is asked for', () => {
    const { stream, written } = fakeStream(false);
    const show = (option: ProgressOption | undefined) => {
      const report = progressReport(option, stream);
      report.report(event(0));
      vi.advanceTimersByTime(2000);
      report.report(event(1e9));
      report.end();
    };
    show(undefined);
    show(false);
    expect(written).toEqual([]);
    show(true);
    expect(written.join('')).toMatch(/50 % .*\n/);
  });

  it('goes to a function instead', () => {
    const seen: LoadProgress[] = [];
    progressReport((given) => seen.push(given)).report(event(7));
    expect(seen).toEqual([event(7)]);
    expect(() => progressReport('yes' as unknown as ProgressOption)).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
  });
});
