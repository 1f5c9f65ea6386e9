import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';

import { AStarPOError, type ErrorCode, errorCodes } from '../errors.ts';
import type { NativeAddon, NativeInfo } from './addon.ts';
import { type Candidate, locateLibtorch } from './locate-libtorch.ts';
import { type DriverReport, hasGpu, openShim, packageRoot, type Shim } from './shim.ts';

/** Why the CUDA plug-in is or is not in use; without it the same work runs on CUDA through ATen. */
export type CudaKernels = { loaded: true; file: string } | { loaded: false; reason: string };

export interface NativeReport {
  /** astarpo.node */
  shim: string;
  /** libastarpo_core.so */
  core: string;
  /** Version of libtorch that the core was built for. */
  builtFor: string;
  libtorch: Candidate;
  driver: DriverReport;
  cudaKernels: CudaKernels;
  info: NativeInfo;
}

export interface LoadOptions {
  /** Ask python3 for its torch when nothing else is found. For the command line: costs a process. Default false. */
  python?: boolean;
}

let native: { addon: NativeAddon; report: Omit<NativeReport, 'info'> } | undefined;

/**
 * The native addon, loaded at the first call (about a third of a second) and kept. Importing astar-po loads nothing.
 * Throws ASTARPO_NO_ADDON, ASTARPO_NO_LIBTORCH, ASTARPO_LIBTORCH_FOLDER, ASTARPO_LIBTORCH_VERSION, ASTARPO_LIBTORCH_CONFLICT,
 * ASTARPO_CORE_CONFLICT, ASTARPO_DLOPEN, ASTARPO_ABI.
 */
export function nativeAddon(options: LoadOptions = {}): NativeAddon {
  native ??= load(options);
  return native.addon;
}

/** What was loaded and from where; loads the addon if need be. Errors as `nativeAddon`. */
export function nativeInfo(options: LoadOptions = {}): NativeReport {
  native ??= load(options);
  return { ...native.report, info: native.addon.info() };
}

/** Version of libtorch that a core file was built for, read without mapping it. Throws ASTARPO_NO_ADDON, ASTARPO_ABI. */
export function builtForVersion(core: string): string {
  if (!existsSync(core)) {
    throw new AStarPOError('ASTARPO_NO_ADDON', `${core} is missing beside astarpo.node`, { hint: 'run: npm run setup' });
  }
  const marker = 'astarpo:torch=';
  const bytes = readFileSync(core);
  const start = bytes.indexOf(marker);
  const end = start < 0 ? -1 : bytes.indexOf(0, start);
  const version = end < 0 ? '' : bytes.toString('latin1', start + marker.length, end);
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    throw new AStarPOError('ASTARPO_ABI', `${core} does not say which libtorch it was built for`, { hint: 'run: npm run setup' });
  }
  return version;
}

function load(options: LoadOptions) {
  const { shim, file, folder } = openShim();
  const core = join(folder, 'libastarpo_core.so');
  const builtFor = builtForVersion(core);
  const driver = shim.cuda();
  const libtorch = locateLibtorch({ version: builtFor, root: packageRoot, gpu: hasGpu(driver), python: options.python ?? false });

  refuseSecondCopies(shim.loaded(), core, libtorch.folder);
  // OpenMP reads this once, when libtorch is opened. By default its idle threads spin, and on a machine that is busy with anything
  // else (this process's own JavaScript, a second process) every parallel region then waits for a time slice: a hundred times slower.
  process.env.OMP_WAIT_POLICY ??= 'passive';
  opening(`${libtorch.folder} is damaged or made for another system; \`npx astar-po libtorch install\` fetches one that fits`, () =>
    preloadLibtorch(shim, libtorch.folder),
  );
  const addon = opening('the native files are damaged or of different builds: build them again, or install astar-po anew', () =>
    shim.attach(core),
  ) as NativeAddon;
  const cudaKernels = attachCudaKernels(shim, addon, libtorch, driver, join(folder, 'libastarpo_cuda.so'));
  return { addon, report: { shim: file, core, builtFor, libtorch, driver, cudaKernels } };
}

/**
 * Sonames carry no version, so the first libtorch of a process serves all later addons: a second one must not be mixed in.
 * `loaded` are the files mapped so far.
 */
export function refuseSecondCopies(loaded: readonly string[], core: string, libtorchFolder: string): void {
  const ours = new Map([
    ['libtorch_cpu.so', join(libtorchFolder, 'lib', 'libtorch_cpu.so')],
    ['libastarpo_core.so', core],
  ]);
  for (const file of loaded) {
    const wanted = ours.get(basename(file));
    if (wanted === undefined || sameFile(file, wanted)) continue;
    const code = basename(file) === 'libtorch_cpu.so' ? 'ASTARPO_LIBTORCH_CONFLICT' : 'ASTARPO_CORE_CONFLICT';
    throw new AStarPOError(code, `expected to load ${wanted}, but ${file} is already loaded in this process`, {
      hint:
        code === 'ASTARPO_LIBTORCH_CONFLICT'
          ? 'run astar-po in a process of its own, or set LIBTORCH to the folder of the libtorch that is loaded'
          : 'keep one copy of astar-po in node_modules, or use a process for each',
    });
  }
}

function sameFile(a: string, b: string): boolean {
  return existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}

/** What the shim throws has a code, but is an error of the native side: it is given the hint and our class. */
export function opening<T>(hint: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!Object.hasOwn(errorCodes, code)) throw error;
    throw new AStarPOError(code as ErrorCode, (error as Error).message, { hint, cause: error });
  }
}

function preloadLibtorch(shim: Shim, folder: string): void {
  const library = (name: string) => join(folder, 'lib', `lib${name}.so`);
  // As Python does: only this one, which holds nothing but dependencies, is global.
  if (existsSync(library('torch_global_deps'))) shim.preload(library('torch_global_deps'), true);
  for (const name of ['c10', 'torch_cpu', 'c10_cuda', 'torch_cuda', 'torch']) {
    if (!name.endsWith('_cuda') || existsSync(library(name))) shim.preload(library(name), false);
  }
}

function attachCudaKernels(shim: Shim, addon: NativeAddon, libtorch: Candidate, driver: DriverReport, file: string): CudaKernels {
  const reason = cudaKernelsUnusable(libtorch, driver, existsSync(file));
  if (reason !== null) return { loaded: false, reason };
  try {
    shim.preload(file, false);
    addon.attachCudaKernels(file);
    return { loaded: true, file };
  } catch (error) {
    const message = `the CUDA kernels could not be loaded, the work runs through ATen: ${error instanceof Error ? error.message : error}`;
    process.emitWarning(message, { type: 'AStarPOWarning', code: 'ASTARPO_DEVICE' });
    return { loaded: false, reason: message };
  }
}

/** Why the plug-in cannot be used here, or null. It carries the runtime of CUDA 13. */
export function cudaKernelsUnusable(libtorch: Pick<Candidate, 'cuda' | 'variant'>, driver: DriverReport, built: boolean): string | null {
  if (!driver.driver) return 'there is no CUDA driver';
  if (driver.cuInit !== 0) return `the CUDA driver did not initialise (cuInit returned ${driver.cuInit})`;
  if (driver.sm.length === 0) return 'the CUDA driver reports no device';
  if (!libtorch.cuda) return 'this libtorch was built without CUDA';
  if (!built) return 'libastarpo_cuda.so was not built (it needs nvcc)';
  if (driver.driverCuda < 13000) return `the CUDA kernels need a driver for CUDA 13.0, this one is for ${driver.driverCuda / 1000}`;
  if (/^cu1[012]/.test(libtorch.variant)) return `the CUDA kernels need a libtorch for CUDA 13, this one is ${libtorch.variant}`;
  return null;
}
