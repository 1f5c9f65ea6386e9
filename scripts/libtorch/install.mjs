// Installs libtorch into the user's cache: lock, fetch, check, unpack beside, rename. Nothing half done is ever visible.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { DEFAULT_VERSION, inspect, sameMinor } from './candidate.mjs';
import { cacheFolder, installFolder } from './discover.mjs';
import { download } from './download.mjs';
import { LibtorchError } from './error.mjs';
import { withLock } from './lock.mjs';
import { checkRecord, parseRecord, sha256File } from './record.mjs';
import { unzip } from './zip.mjs';

const SITE = 'https://download.pytorch.org';

/**
 * SHA-256 of the files that we know; upstream publishes none for the zips and has replaced files in place. What is downloaded by
 * URL must be in this table; what pip fetched was checked by pip, and must match if its name is in the table.
 */
export const CHECKSUMS = new Map([
  ['torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl', '6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b'],
]);

/** Where the parts that a build or a run needs lie in a wheel and in a zip. */
function wantedFiles(headers) {
  return (name) => {
    if (/^torch-[^/]*\.dist-info\/(RECORD|METADATA|licenses\/|LICENSE|NOTICE)/.test(name)) return true;
    if (/^libtorch\/build-(version|hash)$/.test(name) || name === 'torch/version.py') return true;
    if (/^(torch|libtorch)\/include\//.test(name)) return headers;
    if (/^torch\.libs\//.test(name)) return true;
    // Everything shared: a pattern for *.so alone would lose libgomp-<hash>.so.1 and libcudart-<hash>.so.13.
    return (
      /^(torch|libtorch)\/lib\/[^/]*\.so(\.|$)/.test(name) && !/libtorch_python|_test\.so$|backend_with_compiler|libshm_windows/.test(name)
    );
  };
}

/** 'cu130' or 'cu126' or 'cpu' for a driver's CUDA version (13000 is 13.0; 0 or undefined: no driver). */
export function defaultVariant(driverCuda) {
  if (!driverCuda || driverCuda < 12060) return 'cpu';
  return driverCuda >= 13000 ? 'cu130' : 'cu126';
}

/** What an install would try, in order: [{ kind: 'file'|'pip'|'wheel'|'zip'|'pip-target', what, url? }]. */
export function plan({ version = DEFAULT_VERSION, variant = 'cpu', from } = {}) {
  if (from !== undefined) return [/^https?:/.test(from) ? { kind: 'wheel', what: from, url: from } : { kind: 'file', what: resolve(from) }];
  const zip = `libtorch-shared-with-deps-${version}+${variant}.zip`;
  const zipSource = { kind: 'zip', what: zip, url: `${SITE}/libtorch/${variant}/${zip.replace('+', '%2B')}` };
  // A CUDA wheel finds its nvidia-* wheels relative to site-packages, so pip installs them all into one folder.
  if (variant !== 'cpu')
    return [{ kind: 'pip-target', what: `torch==${version}+${variant}` }, { kind: 'pip-target', what: `torch===${version}` }, zipSource];
  const wheel = `torch-${version}+${variant}-cp311-cp311-manylinux_2_28_x86_64.whl`;
  return [
    { kind: 'pip', what: `torch==${version}+${variant}` },
    { kind: 'wheel', what: wheel, url: `${SITE}/whl/${variant}/${wheel.replace('+', '%2B')}` },
    zipSource,
  ];
}

/** Runs a command, collecting what it says; killed with us. Rejects with its last lines. */
function command(program, args, env) {
  return new Promise((done, reject) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output = (output + chunk).slice(-8000);
      });
    }
    child.once('error', reject);
    child.once('close', (status, signal) => {
      if (status === 0) done(output);
      else
        reject(
          new Error(
            `${program} ${args.slice(0, 3).join(' ')} ended with ${status ?? signal}: ${output.trim().split('\n').slice(-2).join(' ')}`,
          ),
        );
    });
  });
}

function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`;
}

async function checkSum(file, name, strict, verify) {
  const expected = CHECKSUMS.get(name);
  if (expected === undefined) {
    if (strict && verify) {
      throw new LibtorchError(
        'ASTARPO_DOWNLOAD',
        `no checksum is known for ${name}`,
        'use pip, give a known file with --from, or pass --no-verify if you trust this one',
      );
    }
    return;
  }
  const actual = await sha256File(file);
  if (actual !== expected)
    throw new LibtorchError('ASTARPO_DOWNLOAD', `${name} has SHA-256 ${actual}, expected ${expected}`, 'delete the file and try again');
}

/** Fetches one source; returns the archive's path, or null when the source unpacked into `staging` by itself. */
async function fetchSource(source, { staging, downloads, env, verify, log, progress }) {
  if (source.kind === 'file') {
    if (!existsSync(source.what))
      throw new LibtorchError('ASTARPO_DOWNLOAD', `${source.what} does not exist`, 'check the path given with --from');
    log(`reading ${source.what} (${megabytes(statSync(source.what).size)})`);
    await checkSum(source.what, basename(source.what), true, verify);
    return source.what;
  }
  if (source.kind === 'pip') {
    const folder = join(staging, 'pip');
    log(`python3 -m pip download ${source.what}`);
    await command('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', folder, source.what], env);
    const name = readdirSync(folder).find((file) => file.endsWith('.whl'));
    if (name === undefined) throw new Error('pip fetched no wheel');
    await checkSum(join(folder, name), name, false, verify);
    return join(folder, name);
  }
  if (source.kind === 'pip-target') {
    log(`python3 -m pip install --target ${source.what}`);
    await command(
      'python3',
      ['-m', 'pip', 'install', '--quiet', '--no-compile', '--only-binary=:all:', '--target', join(staging, 'new'), source.what],
      env,
    );
    return null;
  }
  const name = decodeURIComponent(basename(new URL(source.url).pathname));
  const file = join(downloads, name);
  if (verify && !CHECKSUMS.has(name)) await checkSum(file, name, true, true); // refuse before downloading, not after
  mkdirSync(downloads, { recursive: true });
  if (!existsSync(file)) {
    log(`downloading ${source.url}`);
    await download(source.url, file, { env, onProgress: progress });
  }
  try {
    await checkSum(file, name, true, verify);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
  return file;
}

async function unpack(archive, into, headers) {
  const wanted = wantedFiles(headers);
  const written = await unzip(archive, into, wanted);
  if (archive.endsWith('.whl')) {
    const record = [...written.keys()].find((name) => /^torch-[^/]*\.dist-info\/RECORD$/.test(name));
    if (record === undefined)
      throw new LibtorchError(
        'ASTARPO_DOWNLOAD',
        `${archive} is no torch wheel: it has no RECORD`,
        'give a wheel of torch or a libtorch zip',
      );
    checkRecord(parseRecord(readFileSync(join(into, record), 'utf8')), written, wanted);
  }
  return written.size;
}

/** Leftovers of processes that were killed. Called under the lock. */
function removeLeftovers(root) {
  for (const name of readdirSync(root)) if (name.startsWith('.tmp-')) rmSync(join(root, name), { recursive: true, force: true });
}

/** Folder that holds lib/, inside an installed folder: torch/ from a wheel, libtorch/ from a zip. */
function innerFolder(folder) {
  return ['torch', 'libtorch'].map((name) => join(folder, name)).find((inner) => existsSync(join(inner, 'lib')));
}

function existing(folder, version, headers) {
  const inner = innerFolder(folder);
  const found = inner === undefined ? undefined : inspect(inner);
  if (found === undefined || 'reason' in found || !sameMinor(found.version, version)) return undefined;
  return headers && !found.headers ? undefined : found;
}

/**
 * Installs libtorch and returns what `inspect` says of it plus `installed`: false when it was there already.
 *
 * - `version` default 2.13.0; `variant` 'cpu' (default), 'cu130', …; `headers`: also include/, needed to build (default false).
 * - `from`: a local archive or a URL, the only source then. `verify: false` accepts archives whose SHA-256 is not known.
 * - `log(line)`, `progress(received, total | null)`.
 *
 * Throws ASTARPO_DOWNLOAD with every source that was tried.
 */
export async function install(options = {}) {
  const {
    version = DEFAULT_VERSION,
    variant = 'cpu',
    headers = false,
    verify = true,
    env = process.env,
    log = () => {},
    progress = () => {},
    from,
  } = options;
  if (!/^(cpu|cu\d{3})$/.test(variant))
    throw new LibtorchError('ASTARPO_OPTION', `expected cpu or cuXYZ (as cu130) as variant, got '${variant}'`);
  const root = join(cacheFolder(env), 'libtorch');
  mkdirSync(root, { recursive: true });
  const work = async () => {
    removeLeftovers(root);
    const present = from === undefined ? existing(installFolder(version, variant, env), version, headers) : undefined;
    if (present !== undefined) return { ...present, installed: false };
    const tried = [];
    for (const source of plan({ version, variant, ...(from === undefined ? {} : { from }) })) {
      const staging = mkdtempSync(join(root, '.tmp-'));
      try {
        return {
          ...(await installFrom(source, {
            staging,
            variant: from === undefined ? variant : undefined,
            version,
            headers,
            verify,
            env,
            log,
            progress,
          })),
          installed: true,
        };
      } catch (error) {
        if (error.code === 'ENOSPC')
          throw new LibtorchError('ASTARPO_IO', `the disk of ${root} is full`, 'free about 1 GB, or set ASTARPO_CACHE to another disk', {
            cause: error,
          });
        const name = source.url ?? source.what;
        tried.push(error.message.startsWith(name) ? error.message : `${name}: ${error.message}`);
        log(`not from there: ${error.message}`);
      } finally {
        rmSync(staging, { recursive: true, force: true });
      }
    }
    throw new LibtorchError(
      'ASTARPO_DOWNLOAD',
      `libtorch ${version} (${variant}) could not be installed; tried\n${tried.map((line) => `    ${line}`).join('\n')}`,
      'set LIBTORCH to a libtorch that you have, or give an archive: npx astar-po libtorch install --from FILE',
    );
  };
  return withLock(join(root, '.lock'), work, () => log('waiting for another process that installs libtorch'));
}

async function installFrom(source, { staging, variant, version, headers, verify, env, log, progress }) {
  const downloads = join(cacheFolder(env), 'downloads');
  const archive = await fetchSource(source, { staging, downloads, env, verify, log, progress });
  const fresh = join(staging, 'new');
  if (archive !== null) {
    log(`unpacking and checking ${basename(archive)}`);
    await unpack(archive, fresh, headers);
  }
  const inner = innerFolder(fresh);
  const found = inner === undefined ? { reason: 'it holds neither torch/lib nor libtorch/lib' } : inspect(inner);
  if ('reason' in found) throw new LibtorchError('ASTARPO_DOWNLOAD', `${source.what} is no libtorch: ${found.reason}`);
  if (variant !== undefined && (found.variant !== variant || !sameMinor(found.version, version))) {
    throw new LibtorchError('ASTARPO_DOWNLOAD', `asked for ${version}+${variant}, got ${found.version} (${found.variant})`);
  }
  const target = installFolder(found.version, found.variant, env);
  if (existsSync(target)) renameSync(target, join(staging, 'old')); // incomplete, without headers, or replaced by --from
  renameSync(fresh, target);
  if (archive?.startsWith(downloads)) rmSync(archive);
  log(`libtorch ${found.version} is in ${target}`);
  return inspect(innerFolder(target));
}

/** Free bytes of the disk that holds the cache. */
export function freeBytes(env = process.env) {
  let folder = cacheFolder(env);
  while (!existsSync(folder)) folder = resolve(folder, '..');
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
