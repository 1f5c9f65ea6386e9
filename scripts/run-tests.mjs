// What `npm test` runs once everything is built: types (tests included), lint, C++ tests, vitest; with arguments: vitest alone,
// with these. Goes on after a failure, so that one run shows everything, and ends with a plain line of totals.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fuzzNative } from './fuzz-native.mjs';

const root = resolve(fileURLToPath(import.meta.url), '..', '..');
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

function node(args) {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  if (result.signal) process.kill(process.pid, result.signal);
  return result.status === 0;
}

function fail(what) {
  totals.failed++;
  failures.push(what);
}

function check(name, args) {
  const begin = performance.now();
  const passed = node(args);
  console.log(`${name}: ${passed ? 'passed' : 'FAILED'} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
  if (!passed) fail(name);
}

function nativeTests() {
  const sources = readdirSync(join(root, 'tests', 'native')).filter((name) => name.endsWith('_test.cc'));
  const programs = sources.map((name) => join(root, 'build-cmake', 'tests', basename(name, '.cc')));
  const built = programs.filter((file) => existsSync(file));
  if (built.length === 0) {
    console.warn('C++ tests: SKIPPED, GoogleTest was not found (on Debian and Ubuntu: apt-get install libgtest-dev)');
    totals.skipped += sources.length;
    return;
  }
  const reports = join(root, 'build-cmake', 'tests', 'reports');
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  for (const program of programs) {
    const name = basename(program);
    const report = join(reports, `${name}.json`);
    const result = existsSync(program) ? spawnSync(program, [`--gtest_output=json:${report}`], { cwd: root, encoding: 'utf8' }) : null;
    const ended = result === null ? 'not built' : (result.error?.message ?? result.signal ?? result.status);
    if (ended !== 0) console.log(`${result?.stdout ?? ''}${result?.stderr ?? ''}C++ ${name}: FAILED (${ended})`);
    if (existsSync(report)) {
      const { tests, failures: failed, disabled } = JSON.parse(readFileSync(report, 'utf8'));
      const skipped = /\[ {2}SKIPPED \] (\d+) test/.exec(result.stdout)?.[1] ?? 0;
      totals.passed += tests - failed - disabled - Number(skipped);
      totals.failed += failed;
      totals.skipped += disabled + Number(skipped);
      if (ended === 0) console.log(`C++ ${name}: ${tests - failed - disabled - Number(skipped)} passed`);
      else if (failed === 0) fail(`C++ ${name} (${ended})`);
      else failures.push(`C++ ${name}`);
    } else {
      fail(`C++ ${name} (${ended})`);
    }
  }
}

/** A short run: `npm run fuzz:native` makes a million. */
function fuzz() {
  try {
    const done = fuzzNative({ runs: 20_000 });
    if (done === undefined) {
      console.warn('fuzz: SKIPPED, no compiler with AddressSanitizer was found (on Debian and Ubuntu: apt-get install clang)');
      totals.skipped++;
    } else {
      console.log(`fuzz: ${done}`);
      totals.passed++;
    }
  } catch (error) {
    console.log(`fuzz: FAILED, ${error.message}`);
    fail('fuzz');
  }
}

function vitest(args) {
  const report = join(root, 'build', 'vitest.json');
  rmSync(report, { force: true });
  const passed = node([
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...args,
  ]);
  if (!existsSync(report)) {
    fail('vitest');
    return;
  }
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  totals.passed += numPassedTests;
  totals.failed += numFailedTests;
  totals.skipped += numPendingTests;
  // A file that could not be collected has no failed test of its own.
  for (const file of testResults)
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) fail(file.name);
  if (!passed) failures.push('vitest');
}

const args = process.argv.slice(2);
if (args.length === 0) {
  check('types', ['node_modules/typescript/bin/tsc', '-p', '.', '--incremental', '--tsBuildInfoFile', 'build/typecheck.tsbuildinfo']);
  check('lint', ['node_modules/@biomejs/biome/bin/biome', 'lint', '--error-on-warnings', '.']);
  nativeTests();
  fuzz();
}
vitest(args);
if (failures.length > 0) console.log(`failed: ${failures.join(', ')}`);
console.log(`${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`);
process.exitCode = failures.length > 0 ? 1 : 0;
