import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';

import { nativeInfo } from '../../lib/native/load.ts';
import { openShim } from '../../lib/native/shim.ts';
import { temporaryFolder } from '../unit/fake-libtorch.ts';

const root = join(import.meta.dirname, '../..');
type Loose = Record<string, (...args: unknown[]) => unknown>;

describe('arguments of the shim', () => {
  const { shim: typed } = openShim();
  const shim = typed as unknown as Loose;
  test.each([
    ['preload', []],
    ['preload', ['/x.so']],
    ['preload', [1, true]],
    ['preload', ['/x.so', 1]],
    ['preload', ['relative.so', true]],
    ['preload', ['/x\0y', true]],
    ['preload', [`/${'x'.repeat(5000)}`, true]],
    ['preload', ['', true]],
    ['preload', ['/x.so', true, 1]],
    ['attach', []],
    ['attach', [{}]],
    ['attach', ['relative']],
    ['loaded', [1]],
    ['cuda', ['x']],
  ] as const)('%s(%j) is refused', (name, args) => {
    expect(() => shim[name]?.(...args)).toThrow(expect.objectContaining({ code: 'ASTARPO_ARGUMENT' }));
  });
  test('a missing file and one that is no core have codes of their own', () => {
    expect(() => shim.preload?.('/nonexistent.so', false)).toThrow(expect.objectContaining({ code: 'ASTARPO_DLOPEN' }));
    const other = typed.loaded().find((file) => /libm\.so/.test(file));
    expect(() => shim.attach?.(other)).toThrow(expect.objectContaining({ code: 'ASTARPO_ABI' }));
  });
  test('the driver report has its shape', () => {
    const report = openShim().shim.cuda();
    if (report.driver) expect(report.sm.every((sm) => sm >= 50)).toBe(true);
    else expect(report).toEqual({ driver: false });
  });
});

test('the loaded addon says what it is made of, and one OpenMP runtime serves it', () => {
  const report = nativeInfo();
  expect(report.info.torch).toBe(report.builtFor);
  expect(report.libtorch.version.startsWith(report.builtFor)).toBe(true);
  const openmp = openShim()
    .shim.loaded()
    .filter((file) => /\/lib(gomp|omp|iomp5)[^/]*\.so/.test(file));
  expect(openmp).toHaveLength(1);
});

test('worker threads load it, one after the other and together', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(join(root, 'dist/native/load.js'))}).then(({ nativeInfo }) => parentPort.postMessage(nativeInfo().info.torch));`;
  const run = () =>
    new Promise<string>((resolve, reject) => {
      const worker = new Worker(code, { eval: true });
      let answer = '';
      worker.once('message', (message) => {
        answer = message;
      });
      worker.once('error', reject);
      worker.once('exit', () => resolve(answer));
    });
  const { torch } = nativeInfo().info;
  expect(await run()).toBe(torch);
  expect(await Promise.all([run(), run(), run()])).toEqual([torch, torch, torch]);
});

/** Runs code that imports the compiled library, in a copy of the package that has native files but no recorded libtorch. */
function inInstalledCopy(code: string, env: NodeJS.ProcessEnv) {
  const copy = temporaryFolder();
  for (const part of ['dist', 'scripts', 'package.json', 'build/Release']) cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const catching = `${code}\nfunction report(error) { console.log(JSON.stringify({ name: error.name, code: error.code, message: error.message })); }`;
  const clean = { PATH: process.env.PATH, HOME: temporaryFolder(), ...env };
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', catching], { cwd: copy, encoding: 'utf8', env: clean });
  return JSON.parse(result.stdout || JSON.stringify({ stderr: result.stderr }));
}

const firstUse =
  "const { nativeAddon } = await import('./dist/native/load.js'); try { nativeAddon(); report({}); } catch (error) { report(error); }";

describe('first use', () => {
  test('the compiled library is there', () => expect(existsSync(join(root, 'dist/native/load.js'))).toBe(true));
  test('without libtorch: one coded error with the command', () => {
    const error = inInstalledCopy(firstUse, {});
    expect(error).toMatchObject({ name: 'AStarPOError', code: 'ASTARPO_NO_LIBTORCH' });
    expect(error.message).toContain('npx astar-po libtorch install');
  });
  test('with LIBTORCH set to a wrong folder: an error, although another is there', () => {
    const error = inInstalledCopy(firstUse, { LIBTORCH: '/nonexistent' });
    expect(error).toMatchObject({ code: 'ASTARPO_LIBTORCH_FOLDER' });
  });
  test('with LIBTORCH set to the right one: it loads', () => {
    expect(inInstalledCopy(firstUse, { LIBTORCH: nativeInfo().libtorch.folder })).toEqual({});
  });
  test('after another libtorch was loaded: a conflict', () => {
    const { folder } = nativeInfo().libtorch;
    const second = temporaryFolder();
    cpSync(join(folder, 'lib', 'libtorch_cpu.so'), join(second, 'libtorch_cpu.so'));
    const preload = `
      import { createRequire } from 'node:module';
      const shim = createRequire(import.meta.url)(process.cwd() + '/build/Release/astarpo.node');
      for (const file of ['${folder}/lib/libgomp.so.1', '${folder}/lib/libc10.so', '${second}/libtorch_cpu.so']) try { shim.preload(file, false); } catch (error) { if (!file.includes('gomp')) throw error; }
      ${firstUse}`;
    expect(inInstalledCopy(preload, { LIBTORCH: folder })).toMatchObject({ code: 'ASTARPO_LIBTORCH_CONFLICT' });
  });
});
