import { closeSync, fdatasync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AStarPOError } from '../errors.ts';
import { makeFolder } from './make-folder.ts';

/** Wraps a failed file operation: ASTARPO_IO, saying which file, why, and what to do. */
export function ioError(action: string, path: string, cause: unknown): AStarPOError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const hints: Record<string, string> = {
    ENOSPC: 'the disk is full: free some space and run the same command again; everything written before is kept',
    EDQUOT: 'the disk quota is used up: free some space and run the same command again; everything written before is kept',
    EFBIG: 'a limit on the size of files (ulimit -f) was reached: raise it and run the same command again',
    EACCES: 'check who owns the file and its permissions',
    EIO: 'the disk or the network file system reports damage: copy the file elsewhere, or fetch it again',
    ELOOP: 'the link leads in a circle: fetch the files again',
    EROFS: 'the file system is read-only: choose another folder',
    ENOENT: 'check that the path exists',
    ENOTDIR: 'a file stands where a folder should be: choose another path',
    EEXIST: 'a file stands where a folder should be: choose another path',
    EISDIR: 'a folder stands where a file should be: choose another path',
  };
  const hint = code === undefined ? undefined : hints[code];
  return new AStarPOError('ASTARPO_IO', `could not ${action} ${path}: ${reason}`, hint === undefined ? { cause } : { hint, cause });
}

/** Makes the entries of a folder durable: without it a crash of the machine can forget a rename. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes every file and folder under `folder` durable. */
export async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) {
      const handle = await open(path, 'r+');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  }
  await syncFolder(folder);
}

/**
 * Writes a whole file so that a reader sees the old content or the new one, never a part, whenever the process or the machine
 * stops: a temporary neighbour, fsync, rename, fsync of the folder. Throws ASTARPO_IO.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array | Iterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    makeFolder(dirname(path));
    const handle = await open(temporary, 'w');
    try {
      const pieces = typeof data === 'string' || data instanceof Uint8Array ? [data] : data;
      for (const piece of pieces) await handle.writeFile(piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // The first failure is the one to tell; whatever caused it may well hinder the cleaning up.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw ioError('write', path, error);
  }
}

const syncData = promisify(fdatasync);

export interface AppendFileOptions {
  /** Cut the file to this many bytes first. */
  length?: number;
  /** Milliseconds after which appended lines are made durable; 0 waits for `sync` and `close`. Default 1000. */
  syncEveryMs?: number;
}

/**
 * A file that only grows, line by line. A line is in the operating system's hands when `append` returns, so `kill -9` of this
 * process loses nothing; a power cut loses at most `syncEveryMs`. A line that could not be written whole is taken back.
 */
export class AppendFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #syncEveryMs: number;
  #length: number;
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;
  #syncFailure: unknown;
  #closed = false;

  private constructor(path: string, descriptor: number, length: number, syncEveryMs: number) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#length = length;
    this.#syncEveryMs = syncEveryMs;
  }

  /** Opens or creates; folders on the way are created. Throws ASTARPO_IO. */
  static async open(path: string, options: AppendFileOptions = {}): Promise<AppendFile> {
    try {
      makeFolder(dirname(path));
      // Not O_APPEND: a cut file must go on at the cut, and writes are positioned.
      const descriptor = openSync(path, 0o2 | 0o100, 0o644);
      try {
        const size = fstatSync(descriptor).size;
        const length = Math.min(size, options.length ?? size);
        if (length < size) ftruncateSync(descriptor, length);
        return new AppendFile(path, descriptor, length, options.syncEveryMs ?? 1000);
      } catch (error) {
        closeSync(descriptor);
        throw error;
      }
    } catch (error) {
      throw ioError('open', path, error);
    }
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Appends `line` and a line feed; `line` must not contain one. Throws ASTARPO_IO; the file is then as it was before. */
  append(line: string): void {
    this.#throwSyncFailure();
    const bytes = Buffer.from(`${line}\n`);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written, bytes.length - written, this.#length + written);
    } catch (error) {
      if (written > 0) ftruncateSync(this.#descriptor, this.#length);
      throw ioError('append to', this.path, error);
    }
    this.#length += bytes.length;
    if (this.#syncEveryMs > 0 && this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.sync().catch((error) => {
          this.#syncFailure = error;
        });
      }, this.#syncEveryMs);
      this.#timer.unref();
    }
  }

  /** Makes everything appended so far durable. Throws ASTARPO_IO. */
  async sync(): Promise<void> {
    const before = this.#syncing;
    const syncing = (async () => {
      if (before !== undefined) await before;
      try {
        await syncData(this.#descriptor);
      } catch (error) {
        throw ioError('make durable', this.path, error);
      }
    })();
    this.#syncing = syncing;
    try {
      await syncing;
    } finally {
      if (this.#syncing === syncing) this.#syncing = undefined;
    }
    this.#throwSyncFailure();
  }

  /** Makes the file durable and closes it; idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    try {
      await this.#syncing;
      fsyncSync(this.#descriptor);
    } catch (error) {
      throw ioError('make durable', this.path, error);
    } finally {
      closeSync(this.#descriptor);
    }
    this.#throwSyncFailure();
  }

  #throwSyncFailure(): void {
    const failure = this.#syncFailure;
    this.#syncFailure = undefined;
    if (failure !== undefined) throw failure;
  }
}
