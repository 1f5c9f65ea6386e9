import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { discoverLibtorch, locateLibtorch } from '../../lib/native/locate-libtorch.ts';
import { buildable, cacheFolder, choose, compareVersions, inspect, sameMinor } from '../../scripts/libtorch/index.mjs';
import { fakeLibtorch, temporaryFolder } from './fake-libtorch.ts';

/** An environment in which nothing is found. */
function emptyEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: '/nonexistent', HOME: temporaryFolder(), ...extra };
}

function thrown(body: () => unknown): { code?: string; message: string } {
  try {
    body();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('expected it to throw');
}

describe('versions', () => {
  test('compare as numbers', () => {
    expect(compareVersions('2.9.1', '2.13.0')).toBeLessThan(0);
    expect(compareVersions('2.13.0+cpu', '2.13.0+cu130')).toBe(0);
    expect(compareVersions('2.13.1', '2.13.0')).toBeGreaterThan(0);
    expect(compareVersions('10.0', '9.9.9')).toBeGreaterThan(0);
    expect(() => compareVersions('two', '2.1')).toThrow(RangeError);
  });
  test('the minor version decides about the ABI', () => {
    expect(sameMinor('2.13.0+cpu', '2.13.5')).toBe(true);
    expect(sameMinor('2.1.0', '2.13.0')).toBe(false);
    expect(sameMinor('3.13.0', '2.13.0')).toBe(false);
    expect(sameMinor('', '2.13.0')).toBe(false);
  });
  test('the sources compile against a range', () => {
    expect(['2.10.0', '2.11.0', '2.12.1', '2.13.9', '2.14.0', '3.11.0', 'x'].map(buildable)).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('inspect', () => {
  test.each(['build-version', 'version.py', 'header', 'old-header'] as const)('reads the version from %s', (by) => {
    const found = inspect(fakeLibtorch(temporaryFolder(), { version: '2.13.1+cu130', cuda: true, by }));
    const stated = by.endsWith('header') ? { version: '2.13.1', variant: 'cuda' } : { version: '2.13.1+cu130', variant: 'cu130' };
    expect(found).toMatchObject({ ...stated, cuda: true, headers: true });
  });
  test('says why a folder is none', () => {
    expect(inspect('/nonexistent')).toMatchObject({ reason: expect.stringContaining('no such folder') });
    expect(inspect(temporaryFolder())).toMatchObject({ reason: expect.stringContaining('libtorch_cpu.so') });
    expect(inspect(fakeLibtorch(temporaryFolder(), { by: 'nothing' }))).toMatchObject({ reason: expect.stringContaining('version') });
  });
});

describe('LIBTORCH', () => {
  test('is used when it is right', () => {
    const folder = fakeLibtorch(temporaryFolder());
    expect(locateLibtorch({ env: emptyEnvironment({ LIBTORCH: folder }), version: '2.13.2' })).toMatchObject({ where: 'LIBTORCH', folder });
  });
  test.each([
    ['a missing folder', '/nonexistent/torch'],
    ['an empty value', ''],
    ['a folder without libraries', temporaryFolder()],
  ])('never falls through: %s', (_name, value) => {
    const cache = temporaryFolder();
    fakeLibtorch(join(cache, 'libtorch', '2.13.0-cpu', 'torch'));
    const error = thrown(() => discoverLibtorch({ env: emptyEnvironment({ LIBTORCH: value, ASTARPO_CACHE: cache }), version: '2.13.0' }));
    expect(error).toMatchObject({ name: 'AStarPOError', code: 'ASTARPO_LIBTORCH_FOLDER' });
    expect(error.message).toContain('LIBTORCH');
  });
  test('of another version is an error that names both', () => {
    const env = emptyEnvironment({ LIBTORCH: fakeLibtorch(temporaryFolder(), { version: '2.1.0' }) });
    const error = thrown(() => locateLibtorch({ env, version: '2.13.0' }));
    expect(error).toMatchObject({ code: 'ASTARPO_LIBTORCH_VERSION' });
    expect(error.message).toMatch(/2\.1\.0.*2\.13/s);
  });
});

describe('discovery', () => {
  test('without anything lists what it tried and the command', () => {
    const error = thrown(() => locateLibtorch({ env: emptyEnvironment(), version: '2.13.0' }));
    expect(error).toMatchObject({ code: 'ASTARPO_NO_LIBTORCH' });
    expect(error.message).toMatch(/LIBTORCH: not set.*nothing is installed there.*npx astar-po libtorch install/s);
  });
  test('takes the newest fitting version of the cache', () => {
    const cache = temporaryFolder();
    for (const version of ['2.9.0', '2.13.0', '2.13.1']) fakeLibtorch(join(cache, 'libtorch', `${version}-cpu`, 'torch'), { version });
    mkdirSync(join(cache, 'libtorch', '.tmp-abc', 'new', 'torch', 'lib'), { recursive: true });
    const { candidates, rejected } = discoverLibtorch({ env: emptyEnvironment({ ASTARPO_CACHE: cache }), version: '2.13.0' });
    expect(candidates.map((candidate) => candidate.version)).toEqual(['2.13.1', '2.13.0']);
    expect(rejected).toEqual([expect.objectContaining({ where: 'cache', reason: expect.stringContaining('2.9.0') })]);
  });
  test('finds torch in the active environment, after the cache', () => {
    const [cache, environment] = [temporaryFolder(), temporaryFolder()];
    const inner = fakeLibtorch(join(environment, 'lib', 'python3.12', 'site-packages', 'torch'));
    const env = emptyEnvironment({ ASTARPO_CACHE: cache, VIRTUAL_ENV: environment });
    expect(locateLibtorch({ env, version: '2.13.0' })).toMatchObject({ where: 'VIRTUAL_ENV', folder: inner });
    fakeLibtorch(join(cache, 'libtorch', '2.13.0-cpu', 'libtorch'), { by: 'build-version' });
    expect(locateLibtorch({ env, version: '2.13.0' })).toMatchObject({ where: 'cache' });
  });
  test('prefers CUDA only where a GPU can be used', () => {
    const cache = temporaryFolder();
    fakeLibtorch(join(cache, 'libtorch', '2.13.0-cpu', 'torch'));
    fakeLibtorch(join(cache, 'libtorch', '2.13.0-cu130', 'torch'), { version: '2.13.0+cu130', cuda: true });
    const options = { env: emptyEnvironment({ ASTARPO_CACHE: cache }), version: '2.13.0' };
    expect(locateLibtorch({ ...options, gpu: true }).variant).toBe('cu130');
    expect(locateLibtorch(options).variant).toBe('cpu');
    expect(choose([], true)).toBeUndefined();
  });
  test('a build needs headers', () => {
    const cache = temporaryFolder();
    fakeLibtorch(join(cache, 'libtorch', '2.13.0-cpu', 'torch'), { headers: false });
    const { candidates, rejected } = discoverLibtorch({ env: emptyEnvironment({ ASTARPO_CACHE: cache }) });
    expect(candidates).toEqual([]);
    expect(rejected).toEqual([expect.objectContaining({ reason: expect.stringContaining('headers') })]);
  });
  test('takes the libtorch of a local build before the cache', () => {
    const [root, cache] = [temporaryFolder(), temporaryFolder()];
    const folder = fakeLibtorch(join(root, 'somewhere', 'torch'));
    mkdirSync(join(root, 'build'));
    writeFileSync(join(root, 'build', 'libtorch.json'), JSON.stringify({ folder, version: '2.13.0+cpu' }));
    fakeLibtorch(join(cache, 'libtorch', '2.13.0-cpu', 'torch'));
    expect(locateLibtorch({ env: emptyEnvironment({ ASTARPO_CACHE: cache }), version: '2.13.0', root })).toMatchObject({
      where: 'local build',
      folder,
    });
  });
});

test('the cache folder follows ASTARPO_CACHE, then XDG_CACHE_HOME, then HOME', () => {
  expect(cacheFolder({ ASTARPO_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/a');
  expect(cacheFolder({ XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/b/astar-po');
  expect(cacheFolder({ XDG_CACHE_HOME: 'relative', HOME: '/c' })).toBe('/c/.cache/astar-po');
});
