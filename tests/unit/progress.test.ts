import { describe, expect, it } from 'vitest';
import { ConsoleSink } from '../../lib/log/console.ts';
import { formatSeconds, ProgressLine, secondsLeft } from '../../lib/log/progress.ts';

class FakeTerminal {
  text = '';
  columns = 60;
  readonly isTTY: boolean;
  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }
  write(text: string): boolean {
    this.text += text;
    return true;
  }
  get stream(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }
}

describe('time', () => {
  it('is written in two units at most', () => {
    expect([0, 59.4, 60, 3599, 3600, 90000].map(formatSeconds)).toEqual(['0s', '59s', '1m 00s', '59m 59s', '1h 00m', '25h 00m']);
  });
  it('left follows from the pace, once there is one', () => {
    expect(secondsLeft(0, 10, 5)).toBeUndefined();
    expect(secondsLeft(2, 10, 4)).toBe(16);
  });
});

describe('ProgressLine', () => {
  it('rewrites one line on a terminal, cut to its width', () => {
    const terminal = new FakeTerminal(true);
    const line = new ProgressLine(terminal.stream);
    line.update('a');
    line.update('x'.repeat(100));
    line.finish('done');
    expect(terminal.text).not.toContain('x'.repeat(60));
    expect(terminal.text.endsWith('\r\u001b[2Kdone\n')).toBe(true);
    expect(terminal.text.match(/\n/g)).toHaveLength(1);
  });

  it('writes few plain lines elsewhere, and the last state when it ends', () => {
    const terminal = new FakeTerminal(false);
    const line = new ProgressLine(terminal.stream, 1000);
    for (let i = 0; i < 50; i++) line.update(`state ${i}`);
    line.finish();
    expect(terminal.text).toBe('state 0\nstate 49\n');
  });
});

describe('ConsoleSink', () => {
  it('tells the course of a run', () => {
    const terminal = new FakeTerminal(false);
    const sink = new ConsoleSink(new ProgressLine(terminal.stream, 0));
    sink.write({ type: 'run.start', folder: 'runs/a', resumed: false, step: 0, steps: 2, objective: 'astar-po', configHash: 'x' });
    sink.write({ type: 'stage1.progress', done: 4, total: 8, cached: 4, rejected: 0, successes: 1, seconds: 0 });
    sink.write({ type: 'stage1.done', tasks: 2, kept: 1, dropped: { 'all-fail': 1 }, sampled: 4, rejected: 0, metrics: {}, seconds: 61 });
    for (const step of [1, 2]) {
      const metrics = { 'reward/mean': 0.5, success_rate: 0.25, 'train/loss': 0.125 };
      sink.write({ type: 'step', step, steps: 2, skipped: undefined, metrics });
    }
    sink.write({ type: 'warning', step: 2, message: 'careful' });
    sink.write({ type: 'done', step: 2, folder: 'runs/a', best: undefined, seconds: 5 });
    sink.close();
    for (const part of [
      'astar-po: 2 steps in runs/a',
      'V* of 1 tasks from 4 new samples in 1m 01s, left out 1 all-fail',
      'step     2/2 · reward 0.500 · success 25.0 % · loss 0.125',
      'warning  careful',
      'done     2 steps',
    ]) {
      expect(terminal.text.split(part)).toHaveLength(2);
    }
  });
});
