import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** Starts `astar-po ARGS` from the sources in a process of its own. */
export function start(args: readonly string[]): { process: ChildProcess; finished: Promise<Finished> } {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, out, err }));
  });
  return { process: child, finished };
}

/** Runs it to its end; throws what it printed unless it succeeds. */
export async function succeed(args: readonly string[]): Promise<Finished> {
  const result = await start(args).finished;
  if (result.status !== 0) throw new Error(`astar-po ${args.join(' ')} ended with ${result.status ?? result.signal}\n${result.err}`);
  return result;
}

/** Starts it, waits until `ready`, and sends `signal`. Throws if it ends before. */
export async function interrupt(args: readonly string[], ready: () => boolean, signal: NodeJS.Signals): Promise<Finished> {
  const { process: child, finished } = start(args);
  let over: Finished | undefined;
  void finished.then((result) => {
    over = result;
  });
  while (!ready()) {
    if (over !== undefined) throw new Error(`astar-po ${args.join(' ')} ended too early: ${over.status ?? over.signal}\n${over.err}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  child.kill(signal);
  return finished;
}

/** Whole lines of a file; none while it does not exist. */
export function lines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
}
