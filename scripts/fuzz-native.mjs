// Fuzzes the native reader of tensor ranges under AddressSanitizer, in build-fuzz/: with libFuzzer where there is clang, else with the
// driver of tests/fuzz. Needs the native files (`npm run setup`).
//   node scripts/fuzz-native.mjs [--runs 1000000] [--seed 1] [--driver]    --driver: not libFuzzer, though there is clang
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildLibtorch, nativeSources, root } from './build-native.mjs';

const folder = join(root, 'build-fuzz');
const fuzzFolder = join(root, 'tests', 'fuzz');
/** Compiled with AddressSanitizer; of everything else the objects of the ordinary build are linked. */
const instrumented = ['tensor_io.cc', 'tensor_file.cc', 'stored_values.cc'].map((name) => join(root, 'native', 'model', name));

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options });
  return { ...result, ok: result.error === undefined && result.status === 0 };
}

/** The compiler and its flags; undefined when none here has AddressSanitizer. */
function findCompiler(driverOnly) {
  const candidates = [
    { compiler: 'clang++', flags: ['-fsanitize=fuzzer,address'], driver: [], name: 'libFuzzer' },
    { compiler: process.env.CXX ?? 'c++', flags: ['-fsanitize=address'], driver: [join(fuzzFolder, 'driver.cc')], name: 'the driver' },
  ];
  const source = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, decltype(sizeof 0)) { return 0; }\n';
  return candidates.slice(driverOnly ? 1 : 0).find(({ compiler, flags, driver }) => {
    const program = driver.length === 0 ? source : 'int main() { return 0; }\n';
    return run(compiler, ['-x', 'c++', '-', ...flags, '-o', join(folder, 'probe')], { input: program }).ok;
  });
}

/** The objects of all rooms as one archive, from which the linker takes what is missing. */
function archiveRooms() {
  const objects = [];
  for (const entry of readdirSync(join(root, 'build-cmake', 'CMakeFiles'), { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile() && entry.name.endsWith('.o') && path.includes('astarpo_room_')) objects.push(path);
  }
  if (objects.length === 0) throw new Error('expected the objects of the native build in build-cmake, got none; run npm run setup');
  const archive = join(folder, 'rooms.a');
  rmSync(archive, { force: true });
  const made = run('ar', ['rcs', archive, ...objects]);
  if (!made.ok) throw new Error(`ar failed: ${made.stderr}`);
  return archive;
}

function build(program, { compiler, flags, driver }) {
  const libtorch = buildLibtorch().folder;
  const lib = join(libtorch, 'lib');
  // libtorch's own OpenMP library, so that there is one in the process.
  const openmp = readdirSync(lib).find((name) => /^libgomp.*\.so/.test(name));
  const args = [
    ...['-std=c++20', '-O1', '-g', '-fno-omit-frame-pointer', '-w', ...flags, '-I', root],
    ...['-isystem', join(libtorch, 'include'), '-isystem', join(libtorch, 'include', 'torch', 'csrc', 'api', 'include')],
    ...[join(fuzzFolder, 'tensor_io_fuzz.cc'), ...driver, ...instrumented, archiveRooms()],
    // The archive has the instrumented files once more: the first definition, which has the checks, is taken.
    ...['-Wl,--allow-multiple-definition', '-L', lib, '-ltorch', '-ltorch_cpu', '-lc10', openmp ? join(lib, openmp) : '-lgomp'],
    ...[`-Wl,-rpath,${lib}`, '-o', program],
  ];
  const { ok, stderr, error } = run(compiler, args);
  if (!ok) throw new Error(`${compiler} failed: ${error?.message ?? stderr}`);
}

/** Whether the program is newer than all that it is made of. */
function isFresh(program) {
  if (!existsSync(program)) return false;
  const { mtimeMs } = statSync(program);
  const own = readdirSync(fuzzFolder).map((name) => join(fuzzFolder, name));
  const sources = nativeSources().map((name) => join(root, name));
  return [...own, ...sources, fileURLToPath(import.meta.url)].every((path) => statSync(path).mtimeMs < mtimeMs);
}

/** Builds what is missing and runs it. Gives a line about what was done, undefined without a compiler; throws what the program said. */
export function fuzzNative({ runs, seed = 1, driverOnly = false }) {
  mkdirSync(folder, { recursive: true });
  const compiler = findCompiler(driverOnly);
  if (compiler === undefined) return undefined;
  const program = join(folder, `tensor_io_fuzz-${compiler.driver.length === 0 ? 'clang' : 'driver'}`);
  if (!isFresh(program)) build(program, compiler);
  // libtorch is not instrumented: containers that both sides touch would be reported wrongly, and what it keeps for ever as leaks.
  const env = { ...process.env, ASAN_OPTIONS: 'detect_container_overflow=0:detect_leaks=0:abort_on_error=1', OMP_NUM_THREADS: '1' };
  const begin = performance.now();
  const args = [
    `-runs=${runs}`,
    `-seed=${seed}`,
    ...(compiler.driver.length === 0 ? ['-max_len=4096', '-verbosity=0', `-artifact_prefix=${folder}/`] : []),
  ];
  const { ok, status, signal, stderr, stdout, error } = run(program, args, { env, maxBuffer: 1 << 28 });
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  if (!ok) throw new Error(`ended with ${error?.message ?? signal ?? status}\n${stdout}${stderr}`);
  return `${runs} inputs through ${compiler.name} (${compiler.compiler}) in ${seconds} s`;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { values } = parseArgs({
      options: {
        runs: { type: 'string', default: '1000000' },
        seed: { type: 'string', default: '1' },
        driver: { type: 'boolean', default: false },
      },
    });
    const [runs, seed] = [Number(values.runs), Number(values.seed)];
    if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed))
      throw new Error('expected --runs and --seed to be whole numbers');
    const done = fuzzNative({ runs, seed, driverOnly: values.driver });
    if (done === undefined)
      throw new Error('expected a compiler with AddressSanitizer, got none (on Debian and Ubuntu: apt-get install clang)');
    console.log(`fuzz: ${done}`);
  } catch (error) {
    console.error(`fuzz-native: ${error.message}`);
    process.exitCode = 1;
  }
}
