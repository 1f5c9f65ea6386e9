import { open } from 'node:fs/promises';
import { AStarPOError } from '../errors.ts';
import { AppendFile, ioError } from './atomic-file.ts';

export interface LineFileOptions {
  /** How the first line of such a file begins. */
  readonly begins: string;
  /** Of such a file, for messages: `a file of episode audits`. */
  readonly what: string;
}

/**
 * Opens a file of lines to append to, or creates it. A last line that a kill left half-written is cut; a file that begins otherwise is
 * somebody else's and left alone. Throws ASTARPO_DATA, ASTARPO_IO.
 */
export async function openLineFile(path: string, { begins, what }: LineFileOptions): Promise<AppendFile> {
  const found = await inspect(path, Buffer.byteLength(begins));
  if (found === undefined) return AppendFile.open(path);
  // Of a file that was cut in its first line only the beginning of the beginning may be there.
  const torn = found.whole === 0 && begins.startsWith(found.begin);
  if (found.begin !== begins && !torn) {
    throw new AStarPOError(
      'ASTARPO_DATA',
      `expected ${what} to append to, got ${path}, which begins with ${JSON.stringify(found.begin.slice(0, shown))}`,
      {
        hint: 'name another file, or one that does not exist yet',
      },
    );
  }
  return AppendFile.open(path, { length: found.whole });
}

/** Characters of a foreign file that an error quotes. */
const shown = 40;
const step = 65_536;

/** The first bytes of a file, and how many bytes its whole lines take; undefined when there is none. */
async function inspect(path: string, bytes: number): Promise<{ begin: string; whole: number } | undefined> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const head = Buffer.alloc(Math.min(bytes, size));
    await file.read(head, 0, head.length, 0);
    const begin = head.toString();
    for (let end = size; end > 0; end -= step) {
      const start = Math.max(0, end - step);
      const piece = Buffer.alloc(end - start);
      await file.read(piece, 0, piece.length, start);
      const at = piece.lastIndexOf('\n');
      if (at >= 0) return { begin, whole: start + at + 1 };
    }
    return { begin, whole: 0 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError('read', path, error);
  }
}
