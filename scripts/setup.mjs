// Makes a clone ready: npm packages, libtorch, native addon, compiled TypeScript; then, if asked, runs something.
//   node scripts/setup.mjs                       set up what is missing or changed
//   node scripts/setup.mjs --then demo [ARGS]    afterwards: demo, test, bench, oracle, tokenizer, chat, webshop or fuzz, with the other arguments
// Needs Node, npm, a C++ compiler, CMake and python3 with pip; uses Node's built-in modules alone, so it runs before `npm ci`.
// State is written after a step has succeeded, so an interrupted set-up continues where it was.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { basename, join, relative } from 'node:path';
import { buildLibtorch, buildNative, buildOptions, nativeSources, root } from './build-native.mjs';
import { choose, DEFAULT_VERSION, discover, install, recordedLibtorch, withLock } from './libtorch/index.mjs';

const stateFile = join(root, 'build', 'setup.json');
const started = performance.now();

function say(text) {
  console.log(`setup: ${text}`);
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

class SetupError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

function readState() {
  if (!existsSync(stateFile)) return {};
  try {
    return JSON.parse(readFileSync(stateFile, 'utf8'));
  } catch {
    return {}; // damaged: every step is checked again
  }
}

function writeState(change) {
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(`${stateFile}.tmp`, `${JSON.stringify({ ...readState(), ...change }, null, 2)}\n`);
  renameSync(`${stateFile}.tmp`, stateFile);
}

function hash(files, extra) {
  const sum = createHash('sha256').update(JSON.stringify(extra));
  for (const file of files) sum.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  return sum.digest('hex');
}

function filesBelow(folder, pattern) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function run(program, args, env = process.env) {
  const result = spawnSync(program, args, { cwd: root, stdio: 'inherit', env });
  if (result.error?.code === 'ENOENT') throw new SetupError(`${program} was not found`, `install ${program} and run the command again`);
  if (result.error) throw result.error;
  if (result.signal) process.kill(process.pid, result.signal);
  if (result.status !== 0) throw new SetupError(`${program} ${args.slice(0, 2).join(' ')} failed with exit status ${result.status}`);
}

/** Runs a step and says how long it took. */
async function step(name, body) {
  say(`${name} …`);
  const begin = performance.now();
  const result = await body();
  say(`${name}: done in ${seconds(begin)}`);
  return result;
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new SetupError(`Node ${process.versions.node} is too old`, 'install Node 20.19 or later');
}

/** Does node_modules hold what package-lock.json asks for? */
function packagesUpToDate() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const [wanted, present] = [join(root, 'package-lock.json'), installed].map((file) => JSON.parse(readFileSync(file, 'utf8')).packages);
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || entry.peer || present[path]?.version === entry.version,
  );
}

async function setUpPackages() {
  if (packagesUpToDate()) return false;
  await step('npm packages (npm ci)', () => run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']));
  return true;
}

/** Finds libtorch, or installs the CPU one into the user's cache. */
async function setUpLibtorch() {
  const { candidates } = discover({ python: 'fallback', recorded: recordedLibtorch(root) });
  if (choose(candidates, false) !== undefined) return buildLibtorch();
  return step(`libtorch ${DEFAULT_VERSION} for the CPU into the user's cache`, async () => {
    let shown = 0;
    await install({
      headers: true,
      log: (line) => say(`  ${line}`),
      progress: (received, total) => {
        const part = total === null ? Math.floor(received / 50e6) : Math.floor((10 * received) / total);
        if (part > shown) say(`  ${Math.round(received / 1e6)}${total === null ? '' : ` of ${Math.round(total / 1e6)}`} MB`);
        shown = part;
      },
    });
    return buildLibtorch();
  });
}

function commandOutput(program, args) {
  const result = spawnSync(program, args, { encoding: 'utf8' });
  return result.status === 0 ? result.stdout : null;
}

/** What a native build depends on beside its sources. */
function toolchain(libtorch, options) {
  const compiler = process.env.CXX ?? 'c++';
  const version = commandOutput(compiler, ['--version']);
  if (version === null) throw new SetupError(`no C++ compiler: '${compiler} --version' fails`, 'on Debian and Ubuntu: apt-get install g++');
  const library = statSync(join(libtorch.folder, 'lib', 'libtorch_cpu.so'));
  return {
    root,
    libtorch: [libtorch.folder, libtorch.version, library.size, library.mtimeMs],
    options,
    compiler: [compiler, version, process.env.CXXFLAGS],
  };
}

async function setUpNative(libtorch, tests) {
  const options = buildOptions();
  const files = [...nativeSources(), 'scripts/build-native.mjs', ...(tests ? filesBelow('tests/native', /_test\.cc$|\.h$/) : [])];
  const key = tests ? 'nativeTests' : 'native';
  const sum = hash(files, toolchain(libtorch, options));
  const state = readState();
  const outputs = ['astarpo.node', 'libastarpo_core.so', ...(options.cuda === 'ON' ? ['libastarpo_cuda.so'] : [])];
  const complete = () =>
    recordedLibtorch(root) === libtorch.folder &&
    outputs.every((name) => existsSync(join(root, 'build', 'Release', name))) &&
    (!tests || files.every((file) => !file.endsWith('_test.cc') || existsSync(join(root, 'build-cmake', 'tests', basename(file, '.cc')))));
  if (state[key] === sum && complete()) return false;
  if (commandOutput('cmake', ['--version']) === null)
    throw new SetupError('cmake was not found', 'on Debian and Ubuntu: apt-get install cmake ninja-build');
  const cuda = options.cuda === 'ON' ? `with CUDA kernels (${options.nvcc})` : 'without CUDA kernels (no nvcc, or ASTARPO_CUDA=OFF)';
  say(`libtorch ${libtorch.version} in ${libtorch.folder} (${libtorch.where})`);
  await step(`native addon ${cuda}${tests ? ' and C++ tests' : ''}`, () => buildNative({ libtorch, options, tests }));
  const plain = tests ? { native: hash([...nativeSources(), 'scripts/build-native.mjs'], toolchain(libtorch, options)) } : {};
  // Without GoogleTest the test programs are not there: then it is looked for again the next time.
  writeState({ ...plain, [key]: sum });
  return true;
}

/** Removes compiled files whose source is gone. */
function removeStale() {
  for (const file of filesBelow('dist', /\.(js|d\.ts)(\.map)?$/)) {
    const source = file.replace(/^dist/, 'lib').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
    if (!existsSync(join(root, source))) rmSync(join(root, file));
  }
}

async function setUpTypeScript() {
  const compiler = JSON.parse(readFileSync(join(root, 'node_modules', 'typescript', 'package.json'), 'utf8')).version;
  const sum = hash(
    [...filesBelow('lib', /\.ts$/), ...filesBelow('scripts/libtorch', /\.mts$/), 'tsconfig.json', 'tsconfig.build.json'],
    compiler,
  );
  const compiled = existsSync(join(root, 'dist', 'index.js')) && existsSync(join(root, 'build', 'dist.tsbuildinfo'));
  if (readState().typescript === sum && compiled) return false;
  // The compiler trusts its own record of what it wrote; without the files that record is wrong.
  if (!compiled) rmSync(join(root, 'build', 'dist.tsbuildinfo'), { force: true });
  await step('TypeScript', () => {
    run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
    removeStale();
  });
  writeState({ typescript: sum });
  return true;
}

/**
 * Lets `npx astar-po` find this clone's command. npm links it in its cache only the first time that it sees the folder, which may have been before
 * the set-up; the link among the folder's own programs always counts.
 */
function linkCommand() {
  const link = join(root, 'node_modules', '.bin', 'astar-po');
  const program = join('dist', 'cli', 'main.js');
  chmodSync(join(root, program), 0o755);
  rmSync(link, { force: true });
  symlinkSync(join('..', '..', program), link);
}

async function setUp(tests) {
  checkNode();
  const lock = join(root, 'build', '.setup.lock');
  await withLock(
    lock,
    async () => {
      const changed = [await setUpPackages()];
      const libtorch = await setUpLibtorch();
      changed.push(await setUpNative(libtorch, tests));
      changed.push(await setUpTypeScript());
      linkCommand();
      say(changed.includes(true) ? `ready after ${seconds(started)}` : `everything is up to date (${seconds(started)})`);
    },
    () => say('waiting for another set-up of this folder'),
  );
}

/** What `--then NAME` runs: arguments for Node. */
const commands = {
  demo: ['dist/cli/main.js', 'demo'],
  test: ['scripts/run-tests.mjs'],
  bench: ['--import', 'tsx', 'bench/run.ts'],
  oracle: ['--import', 'tsx', 'tests/oracle/run.ts'],
  tokenizer: ['--import', 'tsx', 'tests/oracle/tokenizer/run.ts'],
  chat: ['--import', 'tsx', 'tests/oracle/chat/run.ts'],
  webshop: ['--import', 'tsx', 'tests/webshop-vectors/main.ts'],
  fuzz: ['scripts/fuzz-native.mjs'],
};

/** Runs a command in our place: Ctrl-C goes to it, its exit status becomes ours. It is told how long the set-up took. */
function hand(args) {
  const env = { ...process.env, ASTARPO_SETUP_SECONDS: ((performance.now() - started) / 1000).toFixed(1) };
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env });
  process.on('SIGINT', () => {}); // the terminal sends it to the child too; wait for its end
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    throw error;
  });
  child.on('exit', (status, signal) => {
    process.exitCode = status ?? 128 + constants.signals[signal];
  });
}

async function main(args) {
  const names = Object.keys(commands);
  let then;
  if (args[0] === '--then') {
    then = args[1];
    if (!Object.hasOwn(commands, then ?? '')) throw new SetupError(`expected ${names.join(', ')} after --then, got '${then}'`);
    args = args.slice(args[2] === '--' ? 3 : 2);
  } else if (args.length > 0) {
    throw new SetupError(`unknown argument '${args[0]}'`, `expected: node scripts/setup.mjs [--then ${names.join('|')} ARGS]`);
  }
  await setUp(then === 'test' && args.length === 0);
  if (then !== undefined) hand([...commands[then], ...args]);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`setup: ${error instanceof SetupError || error.code?.startsWith?.('ASTARPO_') ? error.message : (error.stack ?? error)}`);
  if (error.hint) console.error(`  ${error.hint}`);
  // 1 and 2 are verdicts of a comparison, which was not made.
  process.exitCode = ['oracle', 'tokenizer', 'chat'].includes(process.argv[3]) ? 3 : 1;
}
