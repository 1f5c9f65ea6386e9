// Where a libtorch may be, in order: LIBTORCH, the one that a local build used, our cache, the active Python environment, and
// only when asked (build and command line, never on import) whatever python3 finds.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { buildable, compareVersions, inspect, NEWEST, OLDEST, parseVersion, sameMinor } from './candidate.mjs';
import { LibtorchError } from './error.mjs';

export const INSTALL_COMMAND = 'npx astar-po libtorch install';

/** The user's cache of astar-po: ASTARPO_CACHE, else astar-po in XDG_CACHE_HOME, else ~/.cache/astar-po. */
export function cacheFolder(env = process.env) {
  if (env.ASTARPO_CACHE) return resolve(env.ASTARPO_CACHE);
  const base = env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(env.HOME || homedir(), '.cache');
  return join(base, 'astar-po');
}

/** Folder of one installed libtorch in the cache. */
export function installFolder(version, variant, env = process.env) {
  return join(cacheFolder(env), 'libtorch', `${version.split('+')[0]}-${variant}`);
}

/** libtorch folders of our cache, newest version first. A wheel unpacks to torch/, a zip to libtorch/. */
function cached(env) {
  const root = join(cacheFolder(env), 'libtorch');
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^\d+\.\d+\.\d+-\w+$/.test(entry.name))
    .map((entry) => entry.name)
    .sort((a, b) => compareVersions(b, a) || (a < b ? -1 : 1))
    .flatMap((name) => ['torch', 'libtorch'].map((inner) => join(root, name, inner)).filter((folder) => existsSync(folder)));
}

/** torch of the active virtualenv or conda environment. */
function activeEnvironments(env) {
  const found = [];
  for (const [where, prefix] of [
    ['VIRTUAL_ENV', env.VIRTUAL_ENV],
    ['CONDA_PREFIX', env.CONDA_PREFIX],
  ]) {
    const lib = prefix ? join(prefix, 'lib') : '';
    if (!lib || !existsSync(lib)) continue;
    for (const name of readdirSync(lib)) {
      const folder = join(lib, name, 'site-packages', 'torch');
      if (/^python3/.test(name) && existsSync(folder)) found.push({ where, folder });
    }
  }
  return found;
}

/** The torch package that python3 would import, without importing it; null without one. */
function pythonTorch(env) {
  const code =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s and s.submodule_search_locations else '')";
  const result = spawnSync('python3', ['-c', code], { encoding: 'utf8', env, timeout: 20_000 });
  const folder = result.status === 0 ? result.stdout.trim() : '';
  return folder === '' ? null : folder;
}

/**
 * Every place that was looked at: `{ candidates, rejected }`, candidates in order of preference as `inspect` describes them plus
 * `where`; rejected as `{ where, folder, reason }`.
 *
 * - `version`: the version that the native core was built for, only its minor version counts; without it (a build) any version
 *   that the sources compile against, and headers are required.
 * - `recorded`: folder that a local build used.
 * - `python`: also ask python3; 'fallback': only when nothing else was found.
 *
 * Throws ASTARPO_LIBTORCH_FOLDER or ASTARPO_LIBTORCH_VERSION when LIBTORCH is set and wrong: it never falls through.
 */
export function discover({ env = process.env, version, recorded, python = false } = {}) {
  const candidates = [];
  const rejected = [];
  const mismatch = (found) => {
    if (version !== undefined)
      return sameMinor(found.version, version) ? null : `it is version ${found.version}, the native core was built for ${minorOf(version)}`;
    if (!buildable(found.version)) return `it is version ${found.version}, the sources need ${OLDEST} to ${NEWEST}`;
    return found.headers ? null : 'it was installed without headers (include/ATen)';
  };
  const consider = (where, folder) => {
    if (candidates.some((candidate) => candidate.folder === folder) || rejected.some((other) => other.folder === folder)) return;
    const found = inspect(folder);
    const reason = 'reason' in found ? found.reason : mismatch(found);
    if (reason === null) candidates.push({ where, ...found });
    else rejected.push({ where, folder, reason });
  };

  if (env.LIBTORCH !== undefined) {
    const folder = env.LIBTORCH;
    const found = folder === '' ? { reason: 'it is empty' } : inspect(resolve(folder));
    const hint = `point LIBTORCH to a folder with lib/ and include/ of libtorch ${version === undefined ? `${OLDEST} to ${NEWEST}` : minorOf(version)}, or unset it`;
    if ('reason' in found)
      throw new LibtorchError('ASTARPO_LIBTORCH_FOLDER', `LIBTORCH=${folder} is not a libtorch folder: ${found.reason}`, hint);
    const reason = mismatch(found);
    if (reason !== null) throw new LibtorchError('ASTARPO_LIBTORCH_VERSION', `LIBTORCH=${folder} cannot be used: ${reason}`, hint);
    return { candidates: [{ where: 'LIBTORCH', ...found }], rejected };
  }
  if (recorded !== undefined) consider('local build', recorded);
  const caches = cached(env);
  for (const folder of caches) consider('cache', folder);
  if (caches.length === 0)
    rejected.push({ where: 'cache', folder: join(cacheFolder(env), 'libtorch'), reason: 'nothing is installed there' });
  for (const { where, folder } of activeEnvironments(env)) consider(where, folder);
  if (python === true || (python === 'fallback' && candidates.length === 0)) {
    const folder = pythonTorch(env);
    if (folder === null) rejected.push({ where: 'python3', folder: 'python3', reason: 'it finds no torch package' });
    else consider('python3', folder);
  }
  return { candidates, rejected };
}

function minorOf(version) {
  const [major, minor] = parseVersion(version) ?? [];
  return `${major}.${minor}`;
}

/** The best of several: one with CUDA where a GPU can be used, else one without, in order of preference. */
export function choose(candidates, gpu) {
  return candidates.find((candidate) => candidate.cuda === gpu) ?? candidates[0];
}

/** ASTARPO_NO_LIBTORCH with everything that was tried. */
export function noLibtorch(rejected) {
  const tried = rejected.map(({ where, folder, reason }) => `    ${where}: ${folder}: ${reason}`).join('\n');
  return new LibtorchError(
    'ASTARPO_NO_LIBTORCH',
    `no usable libtorch was found; tried\n    LIBTORCH: not set\n${tried}`,
    `run: ${INSTALL_COMMAND}`,
  );
}

/** Folder that the last local build used, from build/libtorch.json; undefined without one. */
export function recordedLibtorch(root) {
  const file = join(root, 'build', 'libtorch.json');
  if (!existsSync(file)) return undefined;
  const { folder } = JSON.parse(readFileSync(file, 'utf8'));
  return typeof folder === 'string' ? folder : undefined;
}
