import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { ioError } from './atomic-file.ts';
import { makeFolder } from './make-folder.ts';

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** Start of the process in clock ticks since boot: a process id alone may be used again, always so in containers. */
  readonly started: string;
}

/**
 * One writer per file: `path` is created with the owner's process id and removed by `release`. A lock whose process is gone
 * (`kill -9`, power cut) is taken over.
 */
export class FileLock {
  readonly #path: string;
  #held = true;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Throws ASTARPO_BUSY, naming the owner, when a living process (or another machine) has it; ASTARPO_IO. */
  static acquire(path: string): FileLock {
    const owner: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) ?? '' };
    const own = `${path}.${process.pid}`;
    try {
      makeFolder(dirname(path));
      writeFileSync(own, JSON.stringify(owner));
    } catch (error) {
      throw ioError('lock', path, error);
    }
    try {
      // link() fails when the target exists, and the lock never exists without its content.
      for (let attempt = 0; attempt < 10; attempt++) {
        try {
          linkSync(own, path);
          return new FileLock(path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw ioError('lock', path, error);
        }
        removeStale(path);
      }
      throw new AStarPOError('ASTARPO_BUSY', `expected to lock ${path}, but others keep taking it`, { hint: 'run one writer at a time' });
    } finally {
      rmSync(own, { force: true });
    }
  }

  /** Idempotent. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    rmSync(this.#path, { force: true });
  }
}

function removeStale(path: string): void {
  const seen = readOwner(path);
  if (seen === undefined) return;
  if (isAlive(seen.owner)) {
    const where = seen.owner.host === hostname() ? '' : ` on ${seen.owner.host}`;
    throw new AStarPOError('ASTARPO_BUSY', `${path} is held by process ${seen.owner.pid}${where}`, {
      hint: 'wait for it, stop it, or use another file; remove the lock by hand only if that process is surely gone',
    });
  }
  // Two processes may both have seen the dead owner; whoever moved a *living* lock away puts it back.
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw ioError('take over', path, error);
  }
  if (readOwner(aside)?.text !== seen.text) linkSync(aside, path);
  unlinkSync(aside);
}

function readOwner(path: string): { text: string; owner: Owner } | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError('read', path, error);
  }
  try {
    return { text, owner: JSON.parse(text) as Owner };
  } catch {
    throw new AStarPOError('ASTARPO_BUSY', `${path} exists but does not name its owner`, {
      hint: 'remove it if no other process uses the file',
    });
  }
}

function isAlive(owner: Owner): boolean {
  if (owner.host !== hostname()) return true;
  const started = startOf(owner.pid);
  return started !== undefined && (owner.started === '' || started === owner.started);
}

/** Field 22 of /proc/PID/stat; undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; only its parent has not noticed.
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
