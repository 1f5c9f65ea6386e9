import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { AStarPOError } from '../errors.ts';

/** Root of the package: lib/native and dist/native are equally deep. */
export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** What the CUDA driver says; nothing else when there is none. */
export type DriverReport =
  | { driver: false }
  | {
      driver: true;
      /** Result of cuInit(0); 0 is success. */
      cuInit: number;
      /** 13000 is CUDA 13.0. */
      driverCuda: number;
      /** Per device 10 · major + minor of the compute capability. */
      sm: number[];
    };

/** Exports of astarpo.node, which loads without libtorch. */
export interface Shim {
  preload(path: string, global: boolean): void;
  attach(path: string): unknown;
  loaded(): string[];
  cuda(): DriverReport;
}

export interface LocatedShim {
  shim: Shim;
  /** astarpo.node */
  file: string;
  /** Its folder, which holds the other native files too. */
  folder: string;
}

/** True when a GPU can be used: the driver initialised and reports a device. */
export function hasGpu(driver: DriverReport): boolean {
  return driver.driver && driver.cuInit === 0 && driver.sm.length > 0;
}

/** Opens astarpo.node. Throws ASTARPO_NO_ADDON with what to do. */
export function openShim(): LocatedShim {
  const require = createRequire(import.meta.url);
  const checkout = existsSync(join(packageRoot, 'lib', 'native', 'shim.ts'));
  const hint = checkout
    ? 'run: npm run setup'
    : `prebuilt files are for linux-x64 with glibc 2.34 or later, this is ${process.platform}-${process.arch}: install astar-po anew, or use a clone and run npm run setup in it`;
  let file: string;
  let shim: Shim;
  try {
    const locate = require('node-gyp-build') as { path(root: string): string };
    file = locate.path(packageRoot);
    shim = require(file) as Shim;
  } catch (cause) {
    throw new AStarPOError(
      'ASTARPO_NO_ADDON',
      `the native addon cannot be loaded: ${cause instanceof Error ? cause.message.trim() : cause}`,
      {
        hint,
        cause,
      },
    );
  }
  return { shim, file, folder: dirname(file) };
}
