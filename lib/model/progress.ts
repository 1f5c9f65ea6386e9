import { AStarPOError } from '../errors.ts';
import { formatBytes, formatSeconds, ProgressLine, secondsLeft } from '../log/progress.ts';

/** Bytes of a model that arrive from the hub; those of an earlier, interrupted download count from the start. */
export interface DownloadProgress {
  readonly type: 'download';
  /** Hub id. */
  readonly model: string;
  /** The file that the newest bytes belong to; several arrive at once. */
  readonly file: string;
  /** Of all files that are fetched. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/** Bytes of weights that were read into the model, of all its files. */
export interface WeightsProgress {
  readonly type: 'weights';
  /** Path of the file that is being read. */
  readonly file: string;
  readonly bytes: number;
  readonly totalBytes: number;
}

export type LoadProgress = DownloadProgress | WeightsProgress;

/** true and false: a bar on stderr, or none; a function gets the events instead. Default: a bar when stderr is a terminal. */
export type ProgressOption = boolean | ((event: LoadProgress) => void);

/** Where progress goes. `end` takes the bar away. */
export interface ProgressReport {
  report(event: LoadProgress): void;
  end(): void;
}

/** Throws ASTARPO_OPTION. */
export function progressReport(option: ProgressOption | undefined, out: NodeJS.WriteStream = process.stderr): ProgressReport {
  if (typeof option === 'function') return { report: option, end: () => undefined };
  if (option !== undefined && typeof option !== 'boolean') {
    throw new AStarPOError('ASTARPO_OPTION', `expected progress to be true, false or a function, got ${JSON.stringify(option)}`);
  }
  return (option ?? out.isTTY === true) ? new ProgressBar(out) : { report: () => undefined, end: () => undefined };
}

/** Loads that are over sooner show nothing. */
const quietMs = 1000;
const redrawMs = 100;
const cells = 20;

/** `Qwen/Qwen3-0.6B ━━━━━━━━━━────────── 50 % · 750 MB of 1.50 GB · 25 MB/s · 30s left`, rewritten in place. */
class ProgressBar implements ProgressReport {
  readonly #line: ProgressLine;
  #phase: { readonly type: LoadProgress['type']; readonly started: number; readonly bytes: number } | undefined;
  #drawn = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#line = new ProgressLine(out);
  }

  report(event: LoadProgress): void {
    const now = Date.now();
    if (this.#phase?.type !== event.type) {
      this.#line.clear();
      this.#phase = { type: event.type, started: now, bytes: event.bytes };
    }
    if (now - this.#phase.started < quietMs || now - this.#drawn < redrawMs) return;
    this.#drawn = now;
    this.#line.update(describe(event, event.bytes - this.#phase.bytes, (now - this.#phase.started) / 1000));
  }

  end(): void {
    this.#line.clear();
    this.#phase = undefined;
  }
}

/** `fresh` bytes came in `seconds`. */
function describe(event: LoadProgress, fresh: number, seconds: number): string {
  const { bytes, totalBytes } = event;
  const share = totalBytes === 0 ? 1 : bytes / totalBytes;
  const full = Math.floor(share * cells);
  const bar = '━'.repeat(full) + '─'.repeat(cells - full);
  const name = event.type === 'download' ? `downloading ${event.model}` : 'loading weights';
  const parts = [`${name} ${bar} ${Math.floor(share * 100)} %`, `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`];
  const left = secondsLeft(fresh, totalBytes - bytes + fresh, seconds);
  if (fresh > 0 && seconds > 0) parts.push(`${formatBytes(fresh / seconds)}/s`);
  if (left !== undefined) parts.push(`${formatSeconds(left)} left`);
  return parts.join(' · ');
}
