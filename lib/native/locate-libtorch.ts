import {
  type Candidate,
  choose,
  type Discovery,
  discover,
  LibtorchError,
  noLibtorch,
  recordedLibtorch,
} from '../../scripts/libtorch/index.mjs';
import { AStarPOError } from '../errors.ts';

export type { Candidate, Discovery, Rejected } from '../../scripts/libtorch/index.mjs';
export { cacheFolder } from '../../scripts/libtorch/index.mjs';

export interface LocateOptions {
  /** Version that the native core was built for; only major and minor count. */
  version?: string;
  /** Package root whose local build recorded a libtorch. */
  root?: string;
  /** A GPU can be used: prefer a libtorch with CUDA. Default false. */
  gpu?: boolean;
  /** Ask python3 too. For the command line: costs a process. Default false. */
  python?: boolean;
  /** Default process.env. */
  env?: NodeJS.ProcessEnv;
}

/** Runs `body`, turning errors of the shared scripts into AStarPOErrors. */
export function coded<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw asAStarPOError(error);
  }
}

/** An AStarPOError for a LibtorchError; anything else unchanged. */
export function asAStarPOError(error: unknown): unknown {
  if (!(error instanceof LibtorchError)) return error;
  return new AStarPOError(error.code, error.message, error.hint === undefined ? { cause: error } : { hint: error.hint, cause: error });
}

/**
 * Every libtorch that was looked at, in order: LIBTORCH, the one of a local build, the cache, the active Python environment, python3.
 * Throws ASTARPO_LIBTORCH_FOLDER or ASTARPO_LIBTORCH_VERSION when LIBTORCH is set and wrong: nothing else is tried then.
 */
export function discoverLibtorch(options: LocateOptions = {}): Discovery {
  const recorded = options.root === undefined ? undefined : recordedLibtorch(options.root);
  return coded(() =>
    discover({
      env: options.env ?? process.env,
      python: options.python ?? false,
      ...(options.version === undefined ? {} : { version: options.version }),
      ...(recorded === undefined ? {} : { recorded }),
    }),
  );
}

/** The libtorch to load. Throws ASTARPO_NO_LIBTORCH with everything that was tried and the command to run. */
export function locateLibtorch(options: LocateOptions = {}): Candidate {
  const { candidates, rejected } = discoverLibtorch(options);
  const found = choose(candidates, options.gpu ?? false);
  if (found === undefined) throw asAStarPOError(noLibtorch(rejected));
  return found;
}
