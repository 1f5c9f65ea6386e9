// Builds the native files with cmake-js. Called by `npm run setup`, by node-gyp through binding.gyp, and by hand.
//   node scripts/build-native.mjs [--to DIR]    build, copy *.node and *.so to DIR (default build/Release)
//   node scripts/build-native.mjs --tests       also build the C++ tests (build-cmake)
//   node scripts/build-native.mjs --list        print the native sources, one relative path a line
// LIBTORCH=DIR chooses libtorch, ASTARPO_CUDA=ON|OFF the CUDA plug-in (default: ON when nvcc is found), ASTARPO_UNITY=ON|OFF whether
// files are compiled in batches: a full build takes half the time, a rebuild of one file longer (default: as build-cmake is, else ON).
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { choose, discover, noLibtorch, recordedLibtorch } from './libtorch/discover.mjs';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const tree = join(root, 'build-cmake');

/** Every file that the native build reads, relative to the root, sorted. */
export function nativeSources() {
  const inputs = ['CMakeLists.txt'];
  for (const folder of ['cmake', 'native']) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
      if (entry.isFile() && !entry.name.endsWith('.md')) inputs.push(relative(root, join(entry.parentPath ?? entry.path, entry.name)));
    }
  }
  return inputs.sort();
}

function executable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // absent or not executable: both mean that it cannot be used
  }
}

/** nvcc from CUDACXX, PATH or the usual toolkit folder; undefined without one. */
export function findNvcc(env = process.env) {
  const places = [env.CUDACXX, ...(env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'nvcc')), '/usr/local/cuda/bin/nvcc'];
  return places.find((place) => place && executable(place));
}

/** How build-cmake is configured; undefined when there is none. */
function treeUnity() {
  const cache = join(tree, 'CMakeCache.txt');
  return existsSync(cache) ? /^ASTARPO_UNITY:\w+=(ON|OFF)$/m.exec(readFileSync(cache, 'utf8'))?.[1] : undefined;
}

/** ASTARPO_CUDA and friends, resolved: { cuda, nvcc, unity }. */
export function buildOptions(env = process.env) {
  for (const name of ['ASTARPO_CUDA', 'ASTARPO_UNITY']) {
    if (env[name] !== undefined && !/^(ON|OFF)$/.test(env[name])) throw new Error(`${name} must be ON or OFF, got '${env[name]}'`);
  }
  const nvcc = findNvcc(env);
  return { cuda: env.ASTARPO_CUDA ?? (nvcc ? 'ON' : 'OFF'), nvcc, unity: env.ASTARPO_UNITY ?? treeUnity() ?? 'ON' };
}

/** The libtorch to build against. Throws a LibtorchError. */
export function buildLibtorch(env = process.env) {
  const { candidates, rejected } = discover({ env, python: 'fallback', recorded: recordedLibtorch(root) });
  const found = choose(candidates, false);
  if (!found) throw noLibtorch(rejected);
  return found;
}

function cmakeJs(args, env) {
  const require = createRequire(import.meta.url);
  const bin = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  const result = spawnSync(process.execPath, [bin, ...args, '-d', root, '-O', tree, '-l', 'warn'], { stdio: 'inherit', env, cwd: root });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`cmake-js ${args[0]} failed (exit status ${result.status ?? result.signal})`);
}

/** CMake refuses a tree that was moved, and remembers libraries of a libtorch that is no longer the one to use. */
function forgetOtherTree(libtorchFolder) {
  const file = join(tree, 'CMakeCache.txt');
  if (!existsSync(file)) return;
  const cache = readFileSync(file, 'utf8');
  if (!cache.includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${root}\n`)) rmSync(tree, { recursive: true });
  else if (!cache.includes(`\nLIBTORCH_c10:FILEPATH=${join(libtorchFolder, 'lib')}/`)) rmSync(file);
}

/**
 * Configures and builds. cmake-js `build` alone would ignore changed options of an existing cache, hence both steps.
 * Files are renamed into `to`, so that a process which has the old ones mapped keeps them.
 */
export function buildNative({
  to = join(root, 'build', 'Release'),
  libtorch = buildLibtorch(),
  tests = false,
  options = buildOptions(),
} = {}) {
  const env = { ...process.env, ...(options.nvcc ? { CUDACXX: options.nvcc } : {}) };
  forgetOtherTree(libtorch.folder);
  const defines = [`--CDLIBTORCH=${libtorch.folder}`, `--CDASTARPO_CUDA=${options.cuda}`, `--CDASTARPO_UNITY=${options.unity}`];
  cmakeJs(['configure', ...defines, `--CDASTARPO_TESTS=${tests ? 'ON' : 'OFF'}`], env);
  cmakeJs(['build'], env);
  if (tests) cmakeJs(['build', '--target', 'astarpo_tests'], env);

  const release = join(tree, 'Release');
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(release)) {
    if (!/\.(node|so)$/.test(name)) continue;
    copyFileSync(join(release, name), join(to, `${name}.tmp`));
    renameSync(join(to, `${name}.tmp`), join(to, name));
  }
  const plugin = join(to, 'libastarpo_cuda.so');
  if (options.cuda === 'OFF' && existsSync(plugin)) rmSync(plugin); // an older one would not fit the new core
  const record = join(root, 'build', 'libtorch.json');
  mkdirSync(dirname(record), { recursive: true });
  writeFileSync(`${record}.tmp`, `${JSON.stringify({ folder: libtorch.folder, version: libtorch.version }, null, 2)}\n`);
  renameSync(`${record}.tmp`, record);
}

function main(args) {
  if (args.includes('--list')) {
    process.stdout.write(`${nativeSources().join('\n')}\n`);
    return;
  }
  let to;
  let tests = false;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--to' && args[i + 1]) to = resolve(args[++i]);
    else if (args[i] === '--tests') tests = true;
    else throw new Error(`unknown argument '${args[i]}'; expected [--list] [--to DIR] [--tests]`);
  }
  buildNative({ ...(to ? { to } : {}), tests });
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(`build-native: ${error.message}${error.hint ? `\n  ${error.hint}` : ''}`);
    process.exitCode = 1;
  }
}
