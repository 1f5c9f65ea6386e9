/** Types of the modules that `npm run setup` (Node built-ins alone) and the library share. */
import type { IncomingMessage } from 'node:http';

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
  /** Ask python3 too, for the command line and the build; 'fallback': only when nothing else was found. Default false. */
  python?: boolean | 'fallback';
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

export interface InstallOptions {
  /** Default DEFAULT_VERSION. */
  version?: string;
  /** 'cpu' (default), 'cu130', … */
  variant?: string;
  /** A local archive or a URL: the only source then. */
  from?: string;
  /** Also include/, which a build needs. Default false. */
  headers?: boolean;
  /** Refuse downloads whose SHA-256 is not known. Default true. */
  verify?: boolean;
  env?: NodeJS.ProcessEnv;
  log?: (line: string) => void;
  /** Bytes so far and in all (null: the server does not say). */
  progress?: (received: number, total: number | null) => void;
}
export interface Source {
  kind: 'file' | 'pip' | 'pip-target' | 'wheel' | 'zip';
  what: string;
  url?: string;
}
/** Serialised between processes, atomic. Throws ASTARPO_DOWNLOAD with every source that was tried, ASTARPO_IO, ASTARPO_OPTION. */
export function install(options?: InstallOptions): Promise<Omit<Candidate, 'where'> & { installed: boolean }>;
/** What `install` would try, in order. */
export function plan(options?: Pick<InstallOptions, 'version' | 'variant' | 'from'>): Source[];
/** 'cu130', 'cu126' or 'cpu' for the driver's CUDA version (13000 is 13.0; 0: no driver). */
export function defaultVariant(driverCuda: number): string;
export function freeBytes(env?: NodeJS.ProcessEnv): number;

/** Runs `body` while holding a lock file; the lock of a dead process is taken over. `signal` ends the wait for a living one. */
export function withLock<T>(file: string, body: () => Promise<T> | T, onWait?: (owner: string) => void, signal?: AbortSignal): Promise<T>;
/** Unpacks a zip archive; a Map of name to SHA-256 (base64url) and size. Throws ASTARPO_DOWNLOAD. */
export function unzip(
  file: string,
  folder: string,
  wanted?: (name: string) => boolean,
): Promise<Map<string, { sha256: string; size: number }>>;
export function parseRecord(text: string): Map<string, string>;
export function checkRecord(
  record: ReadonlyMap<string, string>,
  written: ReadonlyMap<string, { sha256: string }>,
  wanted?: (name: string) => boolean,
): void;
/** null: the folder has no RECORD (it came from a zip). */
export function verifyInstall(folder: string): Promise<{ checked: number; problems: string[] } | null>;
/** null: no proxy, as always for this machine itself. */
export function proxyFor(url: URL, env?: NodeJS.ProcessEnv): URL | null;
export interface GetOptions {
  /** Headers of each hop; default none. */
  headersFor?: (url: URL) => Readonly<Record<string, string>>;
  env?: NodeJS.ProcessEnv;
  /** Ends the request, and the body of the response. */
  signal?: AbortSignal;
  /** Default 5. */
  redirects?: number;
}
/** Response to a GET, redirects followed; through a proxy where the environment names one. */
export function get(url: URL, options?: GetOptions): Promise<IncomingMessage>;
export function download(
  address: string,
  file: string,
  options?: { env?: NodeJS.ProcessEnv; onProgress?: (received: number, total: number | null) => void },
): Promise<void>;
