import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ioError, writeFileAtomic } from '../../util/atomic-file.ts';
import { makeFolder } from '../../util/make-folder.ts';
import { readShardNames, weightFileName } from '../weight-index.ts';
import { isCommit } from './hub-id.ts';

/**
 * One model in the hub's cache, laid out as Python's huggingface_hub does it: `blobs/HASH` holds contents, `snapshots/COMMIT/…` are
 * links to them under the names of the repository, `refs/NAME` says which commit a branch or tag was when it was last asked for.
 */
export class HubCache {
  /** `CACHE/models--org--name`. */
  readonly folder: string;
  readonly #locks: string;

  constructor(cacheFolder: string, id: string) {
    const name = ['models', ...id.split('/')].join('--');
    this.folder = join(cacheFolder, name);
    this.#locks = join(cacheFolder, '.locks', name);
  }

  /** Makes the folder of the blobs. Throws ASTARPO_IO. */
  async create(): Promise<string> {
    const blobs = join(this.folder, 'blobs');
    try {
      makeFolder(blobs);
    } catch (error) {
      throw ioError('write', blobs, error);
    }
    return blobs;
  }

  blob(hash: string): string {
    return join(this.folder, 'blobs', hash);
  }

  /** What arrived so far of a blob. Not Python's `HASH.incomplete`, which older versions of it append to. */
  partial(hash: string): string {
    return join(this.folder, 'blobs', `${hash}.astar-po.incomplete`);
  }

  /** Beside Python's `HASH.lock`, which is locked in another way. */
  lock(hash: string): string {
    return join(this.#locks, `${hash}.astar-po.lock`);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** Bytes of a snapshot's file; undefined when it is not there or its link leads nowhere. */
  async sizeOf(commit: string, path: string): Promise<number | undefined> {
    return sizeOf(join(this.snapshot(commit), path));
  }

  /** Makes a blob appear in a snapshot under its name; an older entry is replaced. Throws ASTARPO_IO. */
  async link(commit: string, path: string, hash: string): Promise<void> {
    const entry = join(this.snapshot(commit), path);
    const draft = `${entry}.${randomBytes(4).toString('hex')}.tmp`;
    const blob = this.blob(hash);
    try {
      await mkdir(dirname(entry), { recursive: true });
      await symlink(relative(dirname(entry), blob), draft).catch(async (error: NodeJS.ErrnoException) => {
        // File systems without links hold the contents twice, as Python's cache does there.
        if (error.code !== 'EPERM' && error.code !== 'ENOTSUP' && error.code !== 'ENOSYS') throw error;
        await copyFile(blob, draft);
      });
      await rename(draft, entry);
    } catch (error) {
      await rm(draft, { force: true });
      throw ioError('write', entry, error);
    }
  }

  /** The commit that a revision stood for when it was last asked for; undefined when it never was. Throws ASTARPO_IO. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const path = join(this.folder, 'refs', revision);
    try {
      const commit = (await readFile(path, 'utf8')).trim();
      return isCommit(commit) ? commit : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw ioError('read', path, error);
    }
  }

  /** Throws ASTARPO_IO. */
  async remember(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.commitOf(revision)) === commit) return;
    await writeFileAtomic(join(this.folder, 'refs', revision), commit);
  }

  /**
   * What a snapshot lacks to be loaded; empty when nothing. An adapter needs no configuration and tokenizer of its own.
   * Throws ASTARPO_IO, ASTARPO_SAFETENSORS for an index that cannot be read.
   */
  async missing(commit: string): Promise<string[]> {
    const folder = this.snapshot(commit);
    const names = await readdir(folder).catch((error: unknown) => {
      if (isMissing(error)) return [] as string[];
      throw ioError('read', folder, error);
    });
    const needed = names.includes('adapter_config.json')
      ? ['adapter_model.safetensors']
      : ['config.json', 'tokenizer.json', ...(await weightNames(folder, names))];
    const sizes = await Promise.all(needed.map((name) => this.sizeOf(commit, name)));
    return needed.filter((_, i) => sizes[i] === undefined);
  }
}

/** Which files of weights a snapshot is read from. */
async function weightNames(folder: string, present: readonly string[]): Promise<readonly string[]> {
  const shards = present.includes(weightFileName) ? undefined : await readShardNames(folder);
  return shards ?? [weightFileName];
}

/** Bytes of the file that `path` is or leads to; undefined when there is none. Throws ASTARPO_IO. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw ioError('read', path, error);
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
