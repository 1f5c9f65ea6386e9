import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it that are missing; one that exists is fine. Throws the system's error, e.g. EACCES, or EEXIST where a
 * file stands in its place. (Node's own recursive mkdir never returns where even the system refuses to make a folder in one that exists,
 * as under /proc.)
 */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  try {
    makeOne(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder));
    makeOne(folder);
  }
}

function makeOne(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    // It was there, or another process was faster; a read-only file system refuses before it looks.
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
