import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { ioError, syncFolder, syncTree } from './atomic-file.ts';
import { FileLock } from './file-lock.ts';
import { surviveFileSizeLimit } from './file-size-limit.ts';

/** What a folder that is replaced as a whole consists of: anything else in it would be lost. */
export interface FolderKind {
  /** With its article: 'a model folder'. */
  readonly what: string;
  /** The file that every such folder has. */
  readonly marker: string;
  /** Matches the names of all files that such folders may have. */
  readonly files: RegExp;
}

/** Gives two folders each other's names in one step; false where the file system cannot. */
export type Exchange = (first: string, second: string) => boolean;

/**
 * Writes a whole folder so that a reader sees the old one or the new one, never a part, whatever stops the process: `write` fills a
 * temporary neighbour, which is made durable and renamed. An older folder of the same kind is replaced; what a killed writer left
 * beside it is cleared away. Without `exchange` there is a moment in which the old folder has another name. Throws ASTARPO_IO, also when
 * `folder` holds anything but that kind's files; ASTARPO_BUSY while another writer is at it.
 */
export async function writeFolderAtomic(
  folder: string,
  kind: FolderKind,
  write: (temporary: string) => Promise<void>,
  exchange: Exchange = () => false,
): Promise<void> {
  const target = await followed(resolve(folder));
  surviveFileSizeLimit();
  const lock = FileLock.acquire(neighbour(target, 'lock'));
  try {
    await clearLeftovers(target);
    await checkReplaceable(target, kind);
    const suffix = randomBytes(4).toString('hex');
    const temporary = neighbour(target, `${suffix}.tmp`);
    try {
      await mkdir(temporary);
      await write(temporary);
      await syncTree(temporary);
      await replaceFolder(temporary, target, neighbour(target, `${suffix}.old`), exchange);
    } catch (error) {
      // The first failure is the one to tell; whatever caused it may well hinder the cleaning up.
      await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
      throw error instanceof AStarPOError ? error : ioError('write', target, error);
    }
  } finally {
    lock.release();
  }
}

/** Whoever links to a folder, on a larger disk say, wants that folder replaced and not the link. */
async function followed(path: string): Promise<string> {
  return await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return path;
    throw ioError('write', path, error);
  });
}

/** `folder/model` → `folder/.model.ENDING`: on the same file system, and hidden. */
function neighbour(target: string, ending: string): string {
  return join(dirname(target), `.${basename(target)}.${ending}`);
}

/**
 * Where a killed writer left the older folder, if `folder` itself is missing: in the moment between two renames. The next writer brings it
 * back.
 */
export async function strandedFolder(folder: string): Promise<string | undefined> {
  const target = resolve(folder);
  if (existsSync(target)) return undefined;
  // Beside a folder whose parent cannot be read there is none that could be named.
  const names = await readdir(dirname(target)).catch(() => [] as string[]);
  const name = leftovers(names, target, 'old')[0];
  return name === undefined ? undefined : join(dirname(target), name);
}

/** Names of our own temporary folders beside `target`. */
function leftovers(names: readonly string[], target: string, ending: 'tmp' | 'old'): string[] {
  return names.filter((name) => name.startsWith(`.${basename(target)}.`) && new RegExp(`\\.[0-9a-f]{8}\\.${ending}$`).test(name));
}

/** Nobody else writes now, so what looks like our own temporary folders is a killed writer's. */
async function clearLeftovers(target: string): Promise<void> {
  const parent = dirname(target);
  try {
    const names = await readdir(parent);
    const left = (ending: 'tmp' | 'old') => leftovers(names, target, ending).map((name) => join(parent, name));
    // Killed between the two renames: the older folder is whole, but aside.
    const [old] = left('old');
    if (old !== undefined && !existsSync(target)) await rename(old, target);
    for (const path of [...left('tmp'), ...left('old')]) await rm(path, { recursive: true, force: true });
  } catch (error) {
    throw ioError('clear', parent, error);
  }
}

async function checkReplaceable(target: string, { what, marker, files }: FolderKind): Promise<void> {
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[];
    throw ioError('write', target, error);
  });
  const foreign = names.find((name) => !files.test(name));
  if (foreign === undefined && (names.length === 0 || names.includes(marker))) return;
  throw new AStarPOError('ASTARPO_IO', `expected ${target} to be new, empty or ${what}, got a folder with ${foreign ?? names[0]}`, {
    hint: 'save into a folder of its own',
  });
}

/** POSIX renames over a folder only when that is empty, so an older one is exchanged, or where that cannot be done steps aside first. */
async function replaceFolder(temporary: string, target: string, aside: string, exchange: Exchange): Promise<void> {
  if (!existsSync(target)) await rename(temporary, target);
  else if (exchange(temporary, target)) await rename(temporary, aside);
  else {
    await rename(target, aside);
    try {
      await rename(temporary, target);
    } catch (error) {
      await rename(aside, target);
      throw error;
    }
  }
  await syncFolder(dirname(target));
  await rm(aside, { recursive: true, force: true });
}
