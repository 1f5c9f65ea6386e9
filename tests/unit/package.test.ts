import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'));

test('the lock file names no registry: npm ci uses the one that is configured', () => {
  const { packages } = read('package-lock.json') as { packages: Record<string, { resolved?: string; integrity?: string }> };
  const entries = Object.entries(packages).filter(([path]) => path !== '');
  expect(entries.length).toBeGreaterThan(50);
  expect(entries.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
  expect(entries.filter(([, entry]) => entry.integrity === undefined).map(([path]) => path)).toEqual([]);
});

test('installing the package runs nothing', () => {
  const { scripts, gypfile } = read('package.json');
  expect(gypfile).toBe(false);
  // npm would run `prebuild` before every `build`.
  expect(['preinstall', 'install', 'postinstall', 'prepare', 'prebuild'].filter((name) => name in scripts)).toEqual([]);
});

test('binding.gyp is told every native source', () => {
  const { stdout, status } = spawnSync(process.execPath, ['scripts/build-native.mjs', '--list'], { cwd: root, encoding: 'utf8' });
  expect(status).toBe(0);
  const files = stdout.trim().split('\n');
  expect(files).toContain('native/shim/shim.c');
  expect(files).toContain('native/model/decoder.h');
  expect(files.every((file) => !/\s/.test(file) && !file.startsWith('/'))).toBe(true);
});

test('unknown arguments of the scripts are errors', () => {
  for (const args of [
    ['scripts/build-native.mjs', '--nope'],
    ['scripts/setup.mjs', '--nope'],
    ['scripts/setup.mjs', '--then', 'nope'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    expect({ args, status }).toEqual({ args, status: 1 });
    expect(stderr).toMatch(/nope/);
  }
});

test('npx astar-po runs the clone that was set up', () => {
  const { stdout, status, error } = spawnSync(join(root, 'node_modules/.bin/astar-po'), ['--version'], { encoding: 'utf8' });
  expect({ status, error }).toEqual({ status: 0, error: undefined });
  expect(stdout.trim()).toBe(read('package.json').version);
});
