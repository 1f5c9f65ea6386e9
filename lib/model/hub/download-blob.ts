import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { constants, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { withLock } from '../../../scripts/libtorch/index.mjs';
import { AStarPOError, isAStarPOError } from '../../errors.ts';
import { ioError, syncFolder } from '../../util/atomic-file.ts';
import { type HubCache, sizeOf } from './hub-cache.ts';
import type { HubClient, HubFile, RequestOptions } from './hub-client.ts';
import { abortedDownload, PassingFailure, retrying } from './hub-retry.ts';

export interface BlobSource {
  readonly client: HubClient;
  readonly cache: HubCache;
  readonly commit: string;
  readonly request: RequestOptions;
  /** Bytes of the file that were there or arrived; negative when they are taken back. */
  readonly onBytes: (count: number) => void;
}

/**
 * Puts a file of the hub into the cache's blobs: continues what an earlier attempt left, goes on after cut connections, compares size
 * and hash, then renames. Of several processes one downloads and the others wait. Throws ASTARPO_DOWNLOAD, ASTARPO_IO,
 * ASTARPO_ABORTED; what has arrived is kept.
 */
export async function downloadBlob(file: HubFile, source: BlobSource): Promise<void> {
  const { signal } = source.request;
  const isThere = async () => {
    if ((await sizeOf(source.cache.blob(file.hash))) !== file.size) return false;
    source.onBytes(file.size);
    return true;
  };
  if (await isThere()) return;
  const lock = source.cache.lock(file.hash);
  try {
    await withLock(lock, async () => (await isThere()) || (await fetchAndVerify(file, source)), undefined, signal);
  } catch (error) {
    if (isAStarPOError(error)) throw error;
    throw signal?.aborted === true ? abortedDownload(file.path, signal) : ioError('lock', lock, error);
  }
}

async function fetchAndVerify(file: HubFile, source: BlobSource): Promise<void> {
  const blob = source.cache.blob(file.hash);
  const partial = source.cache.partial(file.hash);
  while (true) {
    const { continued } = await fetchInto(partial, file, source);
    const hash = await hashOf(partial, file);
    if (hash === file.hash) break;
    await rm(partial, { force: true });
    source.onBytes(-file.size);
    // What an earlier process left may be another file's; what came in one piece is the server's fault.
    if (continued) continue;
    throw new AStarPOError('ASTARPO_DOWNLOAD', `${file.path}: expected ${file.hash} as the hash of its bytes, got ${hash}`, {
      hint: 'the download was damaged on the way or the server keeps a damaged file; run it again, or take another HF_ENDPOINT',
    });
  }
  try {
    await rename(partial, blob);
    await syncFolder(dirname(blob));
  } catch (error) {
    throw ioError('write', blob, error);
  }
}

/** Completes the partial file. `continued`: some of it was there before. */
async function fetchInto(partial: string, file: HubFile, source: BlobSource): Promise<{ continued: boolean }> {
  const { onBytes } = source;
  try {
    await mkdir(dirname(partial), { recursive: true });
    // Written by position and never cut: two writers that a lock did not keep apart put the same bytes in the same places.
    if (((await sizeOf(partial)) ?? 0) > file.size) await rm(partial, { force: true });
    const handle = await open(partial, constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      let offset = (await handle.stat()).size;
      const continued = offset > 0;
      onBytes(offset);
      const from = (start: number) => {
        onBytes(start - offset);
        offset = start;
      };
      let validator: string | undefined;
      await retrying(
        file.path,
        async (progressed) => {
          if (offset === file.size) return;
          const response = await source.client.open(source.commit, file.path, offset, validator);
          from(startOf(response, offset, file));
          validator = strongTag(response) ?? validator;
          for await (const chunk of chunksOf(response)) {
            if (offset + chunk.length > file.size) throw tooLong(file);
            await writeAll(handle, chunk, offset);
            from(offset + chunk.length);
            progressed();
          }
          if (offset < file.size) throw new PassingFailure(`the connection ended after ${offset} of ${file.size} bytes`);
        },
        source.request,
      );
      await handle.sync();
      return { continued };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw isAStarPOError(error) ? error : ioError('write', partial, error);
  }
}

/** Where the body of a response begins. */
function startOf(response: IncomingMessage, asked: number, file: HubFile): number {
  if (response.statusCode === 200) return 0;
  const range = response.headers['content-range'];
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range ?? '') ?? [];
  if (response.statusCode === 206 && Number(start) === asked && (total === '*' || Number(total) === file.size)) return asked;
  response.destroy();
  throw new AStarPOError(
    'ASTARPO_DOWNLOAD',
    `${file.path}: expected bytes ${asked} to ${file.size - 1}, got ${response.statusCode} ${range}`,
    {
      hint: 'the server holds another file than it lists; take another revision or HF_ENDPOINT',
    },
  );
}

/** An ETag that stands for these very bytes; a weak one does not. */
function strongTag(response: IncomingMessage): string | undefined {
  const tag = response.headers.etag;
  return tag?.startsWith('"') === true ? tag : undefined;
}

async function* chunksOf(response: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of response) yield chunk as Buffer;
  } catch (cause) {
    throw new PassingFailure(`the connection was cut (${(cause as Error).message})`, { cause });
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}

function tooLong(file: HubFile): AStarPOError {
  return new AStarPOError('ASTARPO_DOWNLOAD', `${file.path}: expected ${file.size} bytes, got more`, {
    hint: 'the server holds another file than it lists; take another revision or HF_ENDPOINT',
  });
}

/** As the hub counts: SHA-256 (LFS), or git's object id, which begins with the length. */
async function hashOf(path: string, file: HubFile): Promise<string> {
  const digest = file.hash.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${file.size}\0`);
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) digest.update(chunk as Buffer);
  } catch (error) {
    throw ioError('read', path, error);
  }
  return digest.digest('hex');
}
