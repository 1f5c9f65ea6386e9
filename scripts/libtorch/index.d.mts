/** Types of the modules that `npm run setup` (Node built-ins alone) and the library share. */

export interface Candidate {
  /** How it was found: 'LIBTORCH', 'local build', 'cache', 'VIRTUAL_ENV', 'CONDA_PREFIX', 'python3'. */
  where: string;
  folder: string;
  /** '2.13.0+cpu' */
  version: string;
  /** 'cpu', 'cu130', …; 'cuda' when the version does not say. */
  variant: string;
  cuda: boolean;
  headers: boolean;
}
export interface Rejected {
  where: string;
  folder: string;
  reason: string;
}
export interface Discovery {
  candidates: Candidate[];
  rejected: Rejected[];
}
export interface DiscoverOptions {
  env?: NodeJS.ProcessEnv;
  /** Version that the native core was built for; absent: any that the sources can be built against. */
  version?: string;
  /** Folder that a local build used. */
  recorded?: string;
  /** Ask python3 too: for the command line and the build. */
  python?: boolean;
}

export class LibtorchError extends Error {
  readonly code:
    | 'ASTARPO_NO_LIBTORCH'
    | 'ASTARPO_LIBTORCH_FOLDER'
    | 'ASTARPO_LIBTORCH_VERSION'
    | 'ASTARPO_DOWNLOAD'
    | 'ASTARPO_OPTION'
    | 'ASTARPO_IO';
  readonly hint: string | undefined;
  constructor(code: LibtorchError['code'], message: string, hint?: string, options?: ErrorOptions);
}

export const DEFAULT_VERSION: string;
export const OLDEST: string;
export const NEWEST: string;
export const INSTALL_COMMAND: string;

export function parseVersion(text: string): [number, number, number] | null;
export function compareVersions(a: string, b: string): number;
export function sameMinor(a: string, b: string): boolean;
export function buildable(version: string): boolean;
export function inspect(folder: string): Omit<Candidate, 'where'> | { folder: string; reason: string };

export function cacheFolder(env?: NodeJS.ProcessEnv): string;
export function installFolder(version: string, variant: string, env?: NodeJS.ProcessEnv): string;
export function discover(options?: DiscoverOptions): Discovery;
export function choose(candidates: readonly Candidate[], gpu: boolean): Candidate | undefined;
export function noLibtorch(rejected: readonly Rejected[]): LibtorchError;
export function recordedLibtorch(root: string): string | undefined;
