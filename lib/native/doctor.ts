import { existsSync, readdirSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

import { AStarPOError } from '../errors.ts';
import { type NativeReport, nativeInfo } from './load.ts';
import { type Candidate, cacheFolder, discoverLibtorch, type Rejected } from './locate-libtorch.ts';
import { type DriverReport, openShim, packageRoot } from './shim.ts';

/** An error as `doctor` shows it. */
export interface Problem {
  code: string;
  message: string;
}

/** What `astar-po doctor` prints. Every part is filled in as far as it could be found out; nothing throws. */
export interface DoctorReport {
  node: string;
  platform: string;
  arch: string;
  /** Version of glibc in use, '2.36'; null on another C library. */
  glibc: string | null;
  cpu: { model: string; cores: number; memoryBytes: number };
  shim: { file: string } | Problem;
  driver: DriverReport | null;
  /** Usable ones in order of preference, and the others with the reason. */
  libtorch: { candidates: Candidate[]; rejected: Rejected[] } | Problem;
  /** What loading gave: kernels, threads, devices. */
  addon: NativeReport | Problem;
  cache: { folder: string; exists: boolean; installed: string[]; freeBytes: number | null };
  environment: Record<string, string>;
}

const variables = [
  'LIBTORCH',
  'ASTARPO_CACHE',
  'XDG_CACHE_HOME',
  'VIRTUAL_ENV',
  'CONDA_PREFIX',
  'CUDA_VISIBLE_DEVICES',
  'OMP_NUM_THREADS',
  'LD_LIBRARY_PATH',
];

/** Looks at everything that a first use needs and loads the addon. Takes about half a second. */
export function probe(): DoctorReport {
  const shim = attempt(openShim);
  return {
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    glibc: glibcVersion(),
    cpu: { model: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), memoryBytes: totalmem() },
    shim: 'code' in shim ? shim : { file: shim.file },
    driver: 'code' in shim ? null : shim.shim.cuda(),
    libtorch: attempt(() => discoverLibtorch({ root: packageRoot, python: true })),
    addon: attempt(() => nativeInfo({ python: true })),
    cache: probeCache(),
    environment: Object.fromEntries(variables.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
  };
}

function attempt<T extends object>(body: () => T): T | Problem {
  try {
    return body();
  } catch (error) {
    if (error instanceof AStarPOError) return { code: error.code, message: error.message };
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'ASTARPO_INTERNAL';
    return { code, message: error instanceof Error ? error.message : String(error) };
  }
}

function glibcVersion(): string | null {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime ?? null;
}

function probeCache(): DoctorReport['cache'] {
  const folder = cacheFolder();
  const installs = join(folder, 'libtorch');
  let existing = folder;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return {
    folder,
    exists: existsSync(folder),
    installed: existsSync(installs)
      ? readdirSync(installs, { withFileTypes: true })
          .filter((entry) => entry.isDirectory() && !entry.name.includes('.tmp'))
          .map((entry) => entry.name)
      : [],
    freeBytes: bavail * bsize,
  };
}
