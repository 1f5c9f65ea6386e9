/** `75` → `1m 15s`; whole seconds, two units at most. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, '0')}s`;
  return `${Math.floor(whole / 3600)}h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`;
}

/** Time left from the pace so far; undefined until there is a pace. `done` counts from the start of this process. */
export function secondsLeft(done: number, total: number, elapsedSeconds: number): number | undefined {
  if (done <= 0 || elapsedSeconds <= 0) return undefined;
  return ((total - done) / done) * elapsedSeconds;
}

/**
 * One line of progress. On a terminal it is rewritten in place; elsewhere a plain line appears at most every `quietSeconds`, and
 * when a part of the work is done, so that a log file stays short.
 */
export class ProgressLine {
  readonly #out: NodeJS.WriteStream;
  readonly #quietSeconds: number;
  #lastPlain = 0;
  #shown = false;
  #pending: string | undefined;

  constructor(out: NodeJS.WriteStream = process.stderr, quietSeconds = 10) {
    this.#out = out;
    this.#quietSeconds = quietSeconds;
  }

  /** Shows `text` as the state of what is going on. */
  update(text: string): void {
    if (this.#out.isTTY) {
      this.#out.write(`\r\u001b[2K${fitted(text, this.#out.columns)}`);
      this.#shown = true;
      return;
    }
    const now = Date.now();
    this.#pending = text;
    if (now - this.#lastPlain < this.#quietSeconds * 1000) return;
    this.#lastPlain = now;
    this.#pending = undefined;
    this.#out.write(`${text}\n`);
  }

  /** Ends the line in place and prints `text` for good. */
  print(text: string): void {
    this.clear();
    this.#out.write(`${text}\n`);
  }

  /** Ends the state line: what it last said stays as an ordinary line. */
  finish(text?: string): void {
    const last = text ?? this.#pending;
    this.clear();
    if (last !== undefined) this.#out.write(`${last}\n`);
    this.#lastPlain = 0;
  }

  /** Removes the line in place. */
  clear(): void {
    if (this.#shown) this.#out.write('\r\u001b[2K');
    this.#shown = false;
    this.#pending = undefined;
  }
}

function fitted(text: string, columns: number | undefined): string {
  const width = (columns ?? 80) - 1;
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** `987654321` → `988 MB`; decimal units, as disks and the hub count. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${Math.round(bytes / 1e6)} MB`;
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)} GB`;
}
