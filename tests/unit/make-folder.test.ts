import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { makeFolder } from '../../lib/util/make-folder.ts';

describe('making a folder', () => {
  const root = mkdtempSync(join(tmpdir(), 'astarpo-folder-'));
  afterAll(() => rmSync(root, { recursive: true }));

  test('makes those above it, and leaves one that is there', () => {
    const folder = join(root, 'a', 'b', 'c');
    makeFolder(folder);
    writeFileSync(join(folder, 'kept'), '');
    makeFolder(folder);
    makeFolder('/');
    expect(existsSync(join(folder, 'kept'))).toBe(true);
  });

  test('is refused where a file stands in its place or above it', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => makeFolder(join(root, 'file'))).toThrow(/EEXIST/);
    expect(() => makeFolder(join(root, 'file', 'folder'))).toThrow(/ENOTDIR/);
    expect(statSync(join(root, 'file')).isFile()).toBe(true);
  });

  test.skipIf(process.platform !== 'linux')('is refused, and comes back, where the system makes none', () => {
    expect(() => makeFolder('/proc/astarpo/folder')).toThrow(/ENOENT/);
  });
});
