import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type FolderKind, writeFolderAtomic } from '../../lib/util/atomic-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'astarpo-folder-'));
afterAll(() => rmSync(root, { recursive: true }));

const kind: FolderKind = { what: 'a box', marker: 'mark', files: /^(mark|content)$/ };

function write(folder: string, content: string): Promise<void> {
  return writeFolderAtomic(folder, kind, async (temporary) => {
    await writeFile(join(temporary, 'mark'), '');
    await writeFile(join(temporary, 'content'), content);
  });
}

test('a link to a folder stays a link, and its folder is replaced', async () => {
  mkdirSync(join(root, 'disk'));
  const target = join(root, 'disk', 'box');
  await write(target, 'first');
  symlinkSync(target, join(root, 'link'));
  await write(join(root, 'link'), 'second');
  expect(lstatSync(join(root, 'link')).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(target, 'content'), 'utf8')).toBe('second');
  expect(readdirSync(join(root, 'disk'))).toEqual(['box']);
});

test('a writer that fails leaves the older folder and nothing beside it', async () => {
  const folder = join(root, 'kept');
  await write(folder, 'first');
  await expect(writeFolderAtomic(folder, kind, () => Promise.reject(new Error('no')))).rejects.toMatchObject({ code: 'ASTARPO_IO' });
  expect(readFileSync(join(folder, 'content'), 'utf8')).toBe('first');
  expect(readdirSync(root).filter((name) => name.startsWith('.kept'))).toEqual([]);
});
