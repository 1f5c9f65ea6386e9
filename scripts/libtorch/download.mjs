// Downloads one file over HTTP(S), resuming a partial one. Node built-ins alone.
import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { LibtorchError } from './error.mjs';
import { get } from './http.mjs';

/** Total size of a Content-Range 'bytes a-b/total', when it starts where we asked. */
function rangeTotal(header, start) {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(header ?? '');
  return match && Number(match[1]) === start ? Number(match[2]) : null;
}

/**
 * Downloads `address` to `file` by way of `file`.part, which a later call continues. `onProgress(received, total | null)`.
 * Throws ASTARPO_DOWNLOAD; the part is kept.
 */
export async function download(address, file, { env = process.env, onProgress = () => {} } = {}) {
  const part = `${file}.part`;
  const fail = (text, cause) =>
    new LibtorchError(
      'ASTARPO_DOWNLOAD',
      `${address}: ${text}`,
      'run the command again to continue, or give a local file with --from',
      cause ? { cause } : undefined,
    );
  let start = existsSync(part) ? statSync(part).size : 0;
  let total = null;
  try {
    let response = await get(new URL(address), { headersFor: () => (start > 0 ? { range: `bytes=${start}-` } : {}), env });
    if (response.statusCode === 416) {
      // The part is already whole, or the file was replaced by a shorter one: then begin again.
      const whole = response.headers['content-range'] === `bytes */${start}`;
      response.destroy();
      if (whole) {
        renameSync(part, file);
        return;
      }
      rmSync(part);
      start = 0;
      response = await get(new URL(address), { env });
    }
    if (response.statusCode === 206) {
      total = rangeTotal(response.headers['content-range'], start);
      if (total === null) throw new Error(`the server sent another range than asked: ${response.headers['content-range']}`);
    } else if (response.statusCode === 200) {
      start = 0;
      total = response.headers['content-length'] === undefined ? null : Number(response.headers['content-length']);
    } else {
      response.destroy();
      throw new Error(`the server answered ${response.statusCode}`);
    }
    let received = start;
    onProgress(received, total);
    response.on('data', (chunk) => {
      received += chunk.length;
      onProgress(received, total);
    });
    await pipeline(response, createWriteStream(part, { flags: start > 0 ? 'a' : 'w' }));
  } catch (error) {
    throw fail(error.message, error);
  }
  const { size } = statSync(part);
  if (total !== null && size !== total) throw fail(`got ${size} of ${total} bytes`);
  renameSync(part, file);
}
