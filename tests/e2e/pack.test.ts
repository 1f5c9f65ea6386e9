import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

import { temporaryFolder } from '../unit/fake-libtorch.ts';

const root = join(import.meta.dirname, '../..');
const project = join(temporaryFolder(), 'project');
const installed = join(project, 'node_modules', 'astar-po');

function run(program: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = process.env) {
  const result = spawnSync(program, args, { cwd, encoding: 'utf8', env });
  if (result.error) throw result.error;
  return result;
}

/** Packs the package as it would be published, with the native files of this build as its prebuilt ones, into an empty project. */
beforeAll(() => {
  const staging = temporaryFolder();
  const { files, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of [...files, 'package.json', 'README.md', 'LICENSE']) {
    if (name !== 'prebuilds') cpSync(join(root, name), join(staging, name), { recursive: true });
  }
  const prebuilds = join(staging, 'prebuilds', `${process.platform}-${process.arch}`);
  mkdirSync(prebuilds, { recursive: true });
  for (const name of readdirSync(join(root, 'build', 'Release'))) {
    if (/\.(so|node)$/.test(name)) cpSync(join(root, 'build', 'Release', name), join(prebuilds, name.replace(/\.node$/, '.glibc.node')));
  }
  const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error'], staging);
  const [{ filename }] = JSON.parse(packed.stdout);

  mkdirSync(installed, { recursive: true });
  expect(run('tar', ['-xzf', join(staging, filename), '--strip-components=1', '-C', installed], staging).status).toBe(0);
  // The dependencies are those that this repository has installed: the test needs no registry.
  for (const name of [...Object.keys(dependencies), '@types/node', 'undici-types']) {
    mkdirSync(join(project, 'node_modules', name, '..'), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }));
});

describe('the packed package in an empty project', () => {
  test('holds what it needs and nothing of the tests', () => {
    const names = readdirSync(installed);
    expect(names).toEqual(
      expect.arrayContaining(['dist', 'prebuilds', 'native', 'cmake', 'scripts', 'CMakeLists.txt', 'binding.gyp', 'LICENSE', 'README.md']),
    );
    expect(names.filter((name) => /^(tests|lib|bench|node_modules|build|build-cmake|runs)$/.test(name))).toEqual([]);
    expect(readdirSync(join(installed, 'dist')).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(readdirSync(join(installed, 'prebuilds', 'linux-x64'))).toEqual(
      expect.arrayContaining(['astarpo.glibc.node', 'libastarpo_core.so']),
    );
  });

  test('types hold under tsc --strict with NodeNext, libraries checked', () => {
    const lines = [
      "import { AStarPOTrainer, Policy, ReferenceModel, VStarCache, WebShopEnv } from 'astar-po';",
      'export async function first(): Promise<number> {',
      "  const policy = await Policy.load('model', { device: 'cpu', dtype: 'float32' });",
      '  const reference = await ReferenceModel.of(policy);',
      '  const env = await WebShopEnv.open();',
      "  const vstar = await VStarCache.open('vstar.jsonl');",
      '  const version: number = policy.weightsVersion;',
      '  // @ts-expect-error: a path is text',
      '  await Policy.load(1);',
      '  await policy.dispose();',
      '  return version + [reference, env, vstar, AStarPOTrainer].length;',
      '}',
    ];
    writeFileSync(join(project, 'index.ts'), lines.join('\n'));
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const options = [
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--skipLibCheck',
      'false',
      '--types',
      'node',
      '--noEmit',
      'index.ts',
    ];
    const { stdout, status } = run(process.execPath, [tsc, ...options], project);
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  test('imports without libtorch; the first use gives one coded error with the command to run', () => {
    const code = `
      const names = Object.keys(await import('astar-po')).filter((name) => ['AStarPOTrainer', 'Policy', 'ReferenceModel', 'VStarCache', 'WebShopEnv'].includes(name));
      const { nativeAddon } = await import(new URL('./node_modules/astar-po/dist/native/load.js', 'file://' + process.cwd() + '/'));
      try { nativeAddon(); } catch (error) { console.log(JSON.stringify({ names, name: error.name, code: error.code, message: error.message })); }`;
    const env = { PATH: process.env.PATH, HOME: temporaryFolder() };
    const { stdout, stderr } = run(process.execPath, ['--input-type=module', '-e', code], project, env);
    const report = JSON.parse(stdout || JSON.stringify({ stderr }));
    expect(report).toMatchObject({ name: 'AStarPOError', code: 'ASTARPO_NO_LIBTORCH' });
    expect(report.message).toContain('npx astar-po libtorch install');
    expect(report.names).toHaveLength(5);
  });

  test('search threads start from it, and end with the process', () => {
    const code = `
      const { WebShopEnv } = await import('astar-po');
      const env = await WebShopEnv.open({ searchThreads: 1 });
      env.shop.index.search = () => { throw new Error('expected a thread to search'); };
      const episode = await env.open(env.tasks('all').at(0), { seed: 1n, signal: new AbortController().signal });
      console.log((await episode.step('search[red]')).valid);`;
    const { stdout, stderr, status } = run(process.execPath, ['--input-type=module', '-e', code], project);
    expect({ stdout, stderr, status }).toEqual({ stdout: 'true\n', stderr: '', status: 0 });
  });

  test('the command line runs, and doctor says what is missing', () => {
    const env = { PATH: '/nonexistent', HOME: temporaryFolder() };
    const { stdout, stderr, status } = run(process.execPath, [join(installed, 'dist', 'cli', 'main.js'), 'doctor'], project, env);
    expect(stdout + stderr).toMatch(/no usable libtorch/);
    expect(status).toBe(1);
  });
});
