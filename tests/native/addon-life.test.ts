import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

import { nativeInfo } from '../../lib/native/load.ts';

const { shim, core, libtorch } = nativeInfo();

/** Runs a file of tests/native/children in a process of its own. */
function child(name: string, args: string[] = [], nodeArgs: string[] = []) {
  const file = fileURLToPath(new URL(`children/${name}.mjs`, import.meta.url));
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, file, ...args], {
    encoding: 'utf8',
    timeout: 50_000,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      ASTARPO_TEST_FILES: JSON.stringify({ shim, core: realpathSync(core), libtorch: libtorch.folder }),
    },
  });
  return { status, signal, stdout: stdout.trim(), stderr: stderr.trim() };
}

describe('the end of a process', () => {
  test.each(['generate', 'onToken', 'score', 'backward', 'reallyExit'])('process.exit in the middle of %s', (what) => {
    expect(child('exit', [what])).toEqual({ status: 7, signal: null, stdout: '', stderr: '' });
  });

  test('only pending calls keep a program alive', () => {
    expect(child('idle')).toEqual({ status: 0, signal: null, stdout: '30 tokens, pass object', stderr: '' });
  });
});

test('a worker thread that ends takes only its own work along', () => {
  expect(child('worker')).toEqual({ status: 0, signal: null, stdout: 'unharmed', stderr: '' });
});

test('a worker thread that ends in the middle of a generation leaves no weights behind', () => {
  expect(child('worker-memory')).toEqual({ status: 0, signal: null, stdout: 'freed', stderr: '' });
});

test('a forgotten model is freed with a warning', () => {
  const { status, stdout } = child('forgotten', [], ['--expose-gc']);
  expect(status).toBe(0);
  expect(stdout).toContain('garbage-collected without dispose()');
});

test('a second copy of the core is refused', () => {
  const folder = mkdtempSync(join(tmpdir(), 'astarpo-copy-'));
  const copy = join(folder, 'libastarpo_core.so');
  copyFileSync(core, copy);
  try {
    expect(child('conflict', [copy]).stdout.split('\n')).toEqual(['ASTARPO_CORE_CONFLICT true', 'true']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
