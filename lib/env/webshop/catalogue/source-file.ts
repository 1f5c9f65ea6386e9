import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AStarPOError } from '../../../errors.ts';
import { ioError } from '../../../util/atomic-file.ts';
import { fetchHint } from './source-kinds.ts';

/** What is known of a source file. */
export interface SourceRecord {
  readonly name: string;
  /** Of the file as it lies on disk, packed or not. */
  readonly bytes: number;
  /** In hex; left out where the file was not read to its end. */
  readonly sha256?: string;
}

/** How a file is packed, by its first bytes: names lie. */
export type Packing = 'plain' | 'gzip' | 'zip';

/** One of the original's JSON files, plain or gzipped; hashed while it is read. */
export class SourceFile {
  readonly path: string;
  readonly bytes: number;
  readonly packing: Packing;
  readonly #hash = createHash('sha256');
  #read = 0;

  private constructor(path: string, bytes: number, packing: Packing) {
    this.path = path;
    this.bytes = bytes;
    this.packing = packing;
  }

  /** Throws ASTARPO_DATA where there is no such file. */
  static async open(path: string): Promise<SourceFile> {
    const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR') throw ioError('read', path, cause);
      throw new AStarPOError('ASTARPO_DATA', `expected a file at ${path}, got ${cause.code}`, { hint: fetchHint, cause });
    });
    if (!found.isFile()) throw new AStarPOError('ASTARPO_DATA', `expected a file at ${path}, got something else`, { hint: fetchHint });
    return new SourceFile(path, found.size, await packingOf(path));
  }

  /** Bytes of the file read so far. */
  get done(): number {
    return this.#read;
  }

  /** The JSON inside, to be read once. Throws ASTARPO_DATA when the packing is damaged or cut off, ASTARPO_IO. */
  async *json(): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#unpacked();
    } catch (cause) {
      if (cause instanceof AStarPOError) throw cause;
      const code = (cause as NodeJS.ErrnoException).code ?? '';
      // What zlib says is about the file's contents, everything else about reading it.
      if (!code.startsWith('Z_')) throw ioError('read', this.path, cause);
      throw new AStarPOError('ASTARPO_DATA', `could not unpack ${this.path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        hint: 'the file may be cut off: fetch it again',
        cause,
      });
    }
  }

  /** What is known by now; the hash is known once `json` has ended. */
  record(): SourceRecord {
    const record = { name: basename(this.path), bytes: this.bytes };
    return this.#read === this.bytes ? { ...record, sha256: this.#hash.digest('hex') } : record;
  }

  #unpacked(): AsyncIterable<Uint8Array> {
    const stream = createReadStream(this.path, { highWaterMark: 1 << 20 });
    stream.on('data', (piece) => this.#count(piece as Buffer));
    if (this.packing !== 'gzip') return stream;
    // Errors of either reach the reader as those of what it reads from; a reader that stops early closes both.
    return pipeline(stream, createGunzip(), () => undefined);
  }

  #count(piece: Uint8Array): void {
    this.#read += piece.length;
    this.#hash.update(piece);
  }
}

async function packingOf(path: string): Promise<Packing> {
  const start = Buffer.alloc(4);
  try {
    const handle = await open(path, 'r');
    try {
      await handle.read(start, 0, 4, 0);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw ioError('read', path, error);
  }
  if (start.readUInt16BE() === 0x1f8b) return 'gzip';
  return start.toString('latin1') === 'PK\x03\x04' ? 'zip' : 'plain';
}
