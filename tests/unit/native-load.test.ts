import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { isAStarPOError } from '../../lib/errors.ts';
import { builtForVersion, cudaKernelsUnusable, opening, refuseSecondCopies } from '../../lib/native/load.ts';
import { hasGpu } from '../../lib/native/shim.ts';
import { fakeLibtorch, temporaryFolder } from './fake-libtorch.ts';

const root = join(import.meta.dirname, '../..');

function touch(file: string, data: string | Buffer = ''): string {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, data);
  return file;
}

describe('second copies in one process', () => {
  const folder = fakeLibtorch(temporaryFolder());
  const core = touch(join(temporaryFolder(), 'libastarpo_core.so'));
  const other = fakeLibtorch(temporaryFolder());

  test('of another libtorch are refused', () => {
    expect(() => refuseSecondCopies(['/usr/lib/libm.so', join(other, 'lib/libtorch_cpu.so')], core, folder)).toThrow(
      expect.objectContaining({ code: 'ASTARPO_LIBTORCH_CONFLICT', message: expect.stringContaining(other) }),
    );
  });
  test('of another core are refused', () => {
    const second = touch(join(temporaryFolder(), 'libastarpo_core.so'));
    expect(() => refuseSecondCopies([second], core, folder)).toThrow(expect.objectContaining({ code: 'ASTARPO_CORE_CONFLICT' }));
  });
  test('the same files by another path are fine', () => {
    const link = join(temporaryFolder(), 'link');
    symlinkSync(folder, link);
    refuseSecondCopies([join(link, 'lib/libtorch_cpu.so'), core], core, folder);
  });
});

describe('the core says which libtorch it was built for', () => {
  test('in its bytes', () => {
    const file = touch(join(temporaryFolder(), 'core.so'), Buffer.from('\x7fELF…\0astarpo:torch=2.13.0\0more'));
    expect(builtForVersion(file)).toBe('2.13.0');
  });
  test.each(['no marker', 'astarpo:torch=', 'astarpo:torch=two\0'])('or is refused: %j', (text) => {
    expect(() => builtForVersion(touch(join(temporaryFolder(), 'core.so'), text))).toThrow(
      expect.objectContaining({ code: 'ASTARPO_ABI' }),
    );
  });
  test('or is missing', () => {
    expect(() => builtForVersion('/nonexistent/core.so')).toThrow(expect.objectContaining({ code: 'ASTARPO_NO_ADDON' }));
  });
});

describe('native files that cannot be opened', () => {
  const attempt = (thrown: Error) => {
    try {
      opening('what to do', () => {
        throw thrown;
      });
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test('give an error of ours with a hint', () => {
    const error = attempt(Object.assign(new Error('libc10.so: file too short'), { code: 'ASTARPO_DLOPEN' }));
    expect(isAStarPOError(error, 'ASTARPO_DLOPEN')).toBe(true);
    expect(error).toMatchObject({ message: 'libc10.so: file too short\n  what to do', hint: 'what to do' });
  });

  test('leave other errors alone', () => {
    const bug = new TypeError('a bug');
    expect(attempt(bug)).toBe(bug);
  });
});

describe('CUDA kernels are used with a driver, a device, a CUDA 13 libtorch and a plug-in', () => {
  const driver = { driver: true, cuInit: 0, driverCuda: 13000, sm: [90] } as const;
  const libtorch = { cuda: true, variant: 'cu130' };
  test.each([
    ['all of them', libtorch, driver, true, null],
    ['no driver', libtorch, { driver: false }, true, 'driver'],
    ['a driver that fails', libtorch, { ...driver, cuInit: 100 }, true, '100'],
    ['no device', libtorch, { ...driver, sm: [] }, true, 'no device'],
    ['a CPU libtorch', { cuda: false, variant: 'cpu' }, driver, true, 'without CUDA'],
    ['no plug-in', libtorch, driver, false, 'not built'],
    ['an older driver', libtorch, { ...driver, driverCuda: 12040 }, true, '12.04'],
    ['a CUDA 12 libtorch', { cuda: true, variant: 'cu126' }, driver, true, 'cu126'],
  ] as const)('%s', (_name, torch, report, built, expected) => {
    const copy = 'sm' in report ? { ...report, sm: [...report.sm] } : report;
    const reason = cudaKernelsUnusable(torch, copy, built);
    if (expected === null) expect(reason).toBeNull();
    else expect(reason).toContain(expected);
    expect(hasGpu(copy)).toBe(report.driver && report.cuInit === 0 && report.sm.length > 0);
  });
});

test('without native files the import works, and the first use gives the code and the command', () => {
  const copy = temporaryFolder();
  for (const part of ['lib', 'scripts', 'package.json']) cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const code = `
    const { nativeAddon } = await import('./lib/native/load.ts');
    try { nativeAddon(); } catch (error) { console.log(JSON.stringify([error.name, error.code, error.message])); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    cwd: copy,
    encoding: 'utf8',
  });
  const [name, errorCode, message] = JSON.parse(stdout || JSON.stringify([stderr]));
  expect({ name, errorCode }).toEqual({ name: 'AStarPOError', errorCode: 'ASTARPO_NO_ADDON' });
  expect(message).toContain('npm run setup');
});
