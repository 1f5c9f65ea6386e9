import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { nativeInfo } from '../lib/native/load.ts';
import { quantile } from '../lib/util/statistics.ts';

/** One figure. `ratio` > 1 always means that ours is better than the peer's. */
export interface BenchRow {
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  /** Median over the repeats. */
  readonly value: number;
  /** Distance between the quartiles of the repeats; 0 where a figure was taken once. */
  readonly spread: number;
  readonly peer?: string;
  readonly peerValue?: number;
  readonly ratio?: number;
  readonly target?: string;
}

export interface BenchReport {
  readonly bench: string;
  readonly commit: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number; readonly kernel: string };
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly BenchRow[];
}

export interface BenchOptions {
  /** Smaller sizes and fewer repeats: shows that it works, its figures mean little. */
  readonly quick: boolean;
  /** Also run the same work in other systems. */
  readonly peers: boolean;
  /** Says what is going on. */
  readonly log: (text: string) => void;
}

/** `commit`: that of the start, since the tree may move on while a long bench runs. */
export function createReport(bench: string, commit: string, rows: readonly BenchRow[]): BenchReport {
  const native = nativeInfo();
  return {
    bench,
    commit,
    machine: { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism(), memoryBytes: totalmem(), kernel: release() },
    versions: {
      node: process.version,
      torch: native.info.torch,
      kernels: native.info.cudaKernels ?? native.info.cpuKernels,
      threads: String(native.info.threads),
    },
    rows,
  };
}

/** HEAD, marked when tracked files differ from it. */
export function currentCommit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
  return `${git('rev-parse', 'HEAD')}${changed ? '+changes' : ''}`;
}

/** Median and distance between quartiles of `samples` as a row. */
export function row(
  name: string,
  metric: string,
  unit: string,
  samples: readonly number[],
  extra: { readonly target?: string } = {},
): BenchRow {
  return {
    case: name,
    metric,
    unit,
    value: quantile(samples, 0.5),
    spread: quantile(samples, 0.75) - quantile(samples, 0.25),
    ...extra,
  };
}

/** Runs every contender once to warm up, then `repeats` rounds in turn (A/B/A/B), so that a slow minute hits all alike. */
export async function interleave<T>(contenders: readonly (() => Promise<T>)[], repeats: number): Promise<T[][]> {
  const results: T[][] = contenders.map(() => []);
  for (const contender of contenders) await contender();
  for (let round = 0; round < repeats; round++) {
    for (const [index, contender] of contenders.entries()) results[index]?.push(await contender());
  }
  return results;
}

/** Seconds that `work` takes. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

export function printRows(rows: readonly BenchRow[], print: (line: string) => void): void {
  const table = rows.map((each) => [
    each.case,
    each.metric,
    `${digits(each.value)} ± ${digits(each.spread)}`,
    each.unit,
    peerText(each),
    each.target ?? '',
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  for (const line of table)
    print(
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

function peerText({ peer, peerValue, ratio }: BenchRow): string {
  if (peer === undefined || peerValue === undefined) return '';
  return `${peer} ${digits(peerValue)}${ratio === undefined ? '' : `, ${digits(ratio)} times`}`;
}

function digits(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
