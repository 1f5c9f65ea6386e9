import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OracleTrouble } from './trouble.ts';

export interface Scratch {
  /** A new folder of that name. */
  open(name: string): Promise<string>;
  /** Removes it, unless everything is to be kept. */
  close(folder: string): Promise<void>;
}

/**
 * Runs `use` with room for models: a temporary folder that is gone afterwards, also when a signal ends the process, or `wanted`,
 * which is kept and must be empty, since files of another run would be taken for this one's. Throws OracleTrouble.
 */
export async function withScratch<T>(wanted: string | undefined, use: (scratch: Scratch) => Promise<T>): Promise<T> {
  const root = wanted ?? (await mkdtemp(join(tmpdir(), 'astarpo-oracle-')));
  await mkdir(root, { recursive: true });
  const [first] = await readdir(root);
  if (first !== undefined) throw new OracleTrouble(`expected --scratch to be a new or empty folder, got ${root} with ${first}`);
  const remove = () => {
    if (wanted === undefined) rmSync(root, { recursive: true, force: true });
  };
  const end = (signal: NodeJS.Signals) => {
    remove();
    process.kill(process.pid, signal);
  };
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    return await use({
      async open(name) {
        const folder = join(root, name);
        await mkdir(folder);
        return folder;
      },
      async close(folder) {
        if (wanted === undefined) await rm(folder, { recursive: true });
      },
    });
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
    remove();
  }
}
