import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { createGunzip } from 'node:zlib';
import { AStarPOError } from '../../../errors.ts';

/** What is known of a source file once it was read to its end. */
export interface SourceRecord {
  readonly name: string;
  /** Of the file as it lies on disk, packed or not. */
  readonly bytes: number;
  readonly sha256: string;
}

/** One of the original's JSON files, plain or gzipped; hashed while it is read. */
export class SourceFile {
  readonly path: string;
  readonly bytes: number;
  readonly #hash = createHash('sha256');
  #read = 0;

  private constructor(path: string, bytes: number) {
    this.path = path;
    this.bytes = bytes;
  }

  /** Throws ASTARPO_DATA where there is no such file. */
  static async open(path: string): Promise<SourceFile> {
    const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      throw new AStarPOError('ASTARPO_DATA', `expected a file at ${path}, got ${cause.code ?? cause.message}`, { hint: fetchHint, cause });
    });
    if (!found.isFile()) throw new AStarPOError('ASTARPO_DATA', `expected a file at ${path}, got something else`, { hint: fetchHint });
    return new SourceFile(path, found.size);
  }

  /** Bytes of the file read so far. */
  get done(): number {
    return this.#read;
  }

  /** The JSON inside, to be read once. Throws ASTARPO_DATA when the packing is damaged or cut off. */
  async *json(): AsyncGenerator<Uint8Array> {
    try {
      if (this.path.endsWith('.gz')) yield* this.#raw().pipe(createGunzip());
      else yield* this.#raw();
    } catch (cause) {
      if (cause instanceof AStarPOError) throw cause;
      throw new AStarPOError('ASTARPO_DATA', `could not read ${this.path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        hint: 'the file may be cut off: fetch it again',
        cause,
      });
    }
  }

  /** Call after `json` has ended. */
  record(): SourceRecord {
    return { name: basename(this.path), bytes: this.bytes, sha256: this.#hash.digest('hex') };
  }

  #raw(): NodeJS.ReadableStream & AsyncIterable<Uint8Array> {
    const stream = createReadStream(this.path, { highWaterMark: 1 << 20 });
    stream.on('data', (piece) => this.#count(piece as Buffer));
    return stream;
  }

  #count(piece: Uint8Array): void {
    this.#read += piece.length;
    this.#hash.update(piece);
  }
}

export const fetchHint = 'the setup script of the WebShop repository (princeton-nlp/WebShop) fetches these files';
