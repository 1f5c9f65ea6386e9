import { defaultVariant, freeBytes, install, plan, type Source, verifyInstall } from '../../scripts/libtorch/index.mjs';
import { asAStarPOError, type Candidate } from './locate-libtorch.ts';
import { openShim } from './shim.ts';

export interface InstallLibtorchOptions {
  /** 'cpu', 'cu130', …; default: what the CUDA driver of this machine can run, 'cpu' without one. */
  variant?: string;
  /** 'MAJOR.MINOR.PATCH'; default: the version that the addon was built for. */
  version?: string;
  /** A local wheel or zip, or a URL: the only source then. */
  from?: string;
  /** Also the headers, for building. Default false. */
  headers?: boolean;
  /** Refuse downloads whose SHA-256 is not known. Default true. */
  verify?: boolean;
  /** One line per step. */
  log?: (line: string) => void;
  /** Bytes so far and in all (null: unknown). */
  progress?: (received: number, total: number | null) => void;
}

/** What an installation would do: shown by `astar-po libtorch install --dry-run`. */
export interface InstallPlan {
  variant: string;
  sources: Source[];
  freeBytes: number;
}

/** The variant for this machine: by the CUDA driver, 'cpu' when there is none or the addon cannot be loaded. */
export function machineVariant(): string {
  const driver = openShim().shim.cuda();
  return defaultVariant(driver.driver && driver.cuInit === 0 ? driver.driverCuda : 0);
}

/** Lists what `installLibtorch` would try, in order, without touching anything. */
export function planInstall(options: Pick<InstallLibtorchOptions, 'variant' | 'version' | 'from'> = {}): InstallPlan {
  const variant = options.variant ?? machineVariant();
  return { variant, sources: plan({ ...options, variant }), freeBytes: freeBytes() };
}

/**
 * Installs libtorch into the user's cache: from `from`, or by pip, a wheel, the upstream zip, whichever works first. Locked between
 * processes, verified, atomic. `installed` is false when it was there already. Needs about 1 GB while it works, 480 MB afterwards.
 * Throws ASTARPO_DOWNLOAD, ASTARPO_IO, ASTARPO_OPTION.
 */
export async function installLibtorch(options: InstallLibtorchOptions = {}): Promise<Omit<Candidate, 'where'> & { installed: boolean }> {
  try {
    return await install({ ...options, variant: options.variant ?? machineVariant() });
  } catch (error) {
    throw asAStarPOError(error);
  }
}

/** Checks an installed libtorch against the SHA-256 of every file that its wheel recorded; null when it came from a zip. */
export async function verifyLibtorch(folder: string): Promise<{ checked: number; problems: string[] } | null> {
  return verifyInstall(folder);
}
