// Downloads one file over HTTP(S), resuming a partial one, through HTTPS_PROXY / HTTP_PROXY where set. Node built-ins alone.
import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream/promises';
import tls from 'node:tls';
import { LibtorchError } from './error.mjs';

const REDIRECTS = 5;
const IDLE_MS = 60_000;

/** Proxy for a URL from the environment, or null. NO_PROXY lists host suffixes; '*' is every host. */
export function proxyFor(url, env = process.env) {
  const none = (env.NO_PROXY ?? env.no_proxy ?? '').split(',').map((entry) => entry.trim().replace(/^\*?\./, ''));
  if (none.some((entry) => entry !== '' && (entry === '*' || url.hostname === entry || url.hostname.endsWith(`.${entry}`)))) return null;
  const text = url.protocol === 'https:' ? (env.HTTPS_PROXY ?? env.https_proxy) : (env.HTTP_PROXY ?? env.http_proxy);
  return text ? new URL(text.includes('://') ? text : `http://${text}`) : null;
}

function proxyHeaders(proxy) {
  if (!proxy.username) return {};
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** A TLS connection to `url` through the proxy's CONNECT. */
function tunnel(url, proxy) {
  return new Promise((resolve, reject) => {
    const authority = `${url.hostname}:${url.port || 443}`;
    const client = proxy.protocol === 'https:' ? https : http;
    const request = client.request({
      hostname: proxy.hostname,
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...proxyHeaders(proxy) },
    });
    request.setTimeout(IDLE_MS, () => request.destroy(new Error(`the proxy ${proxy.host} does not answer`)));
    request.once('error', reject);
    request.once('connect', (response, socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        reject(new Error(`the proxy ${proxy.host} answered ${response.statusCode}`));
        return;
      }
      const secure = tls.connect({ socket, servername: url.hostname }, () => resolve(secure));
      secure.once('error', reject);
    });
    request.end();
  });
}

/** Response to a GET, redirects followed. */
async function get(url, headers, env, redirects = REDIRECTS) {
  const proxy = proxyFor(url, env);
  const socket = proxy && url.protocol === 'https:' ? await tunnel(url, proxy) : null;
  const response = await new Promise((resolve, reject) => {
    const options = { headers, ...(socket ? { createConnection: () => socket } : {}) };
    const request =
      proxy && !socket
        ? http.get({
            hostname: proxy.hostname,
            port: proxy.port || 80,
            path: url.href,
            headers: { ...headers, host: url.host, ...proxyHeaders(proxy) },
          })
        : (url.protocol === 'https:' ? https : http).get(url, options);
    request.setTimeout(IDLE_MS, () => request.destroy(new Error(`no data for ${IDLE_MS / 1000} s`)));
    request.once('error', reject);
    request.once('response', resolve);
  });
  if ([301, 302, 303, 307, 308].includes(response.statusCode) && response.headers.location) {
    response.destroy();
    if (redirects === 0) throw new Error('too many redirects');
    return get(new URL(response.headers.location, url), headers, env, redirects - 1);
  }
  return response;
}

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
    let response = await get(new URL(address), start > 0 ? { range: `bytes=${start}-` } : {}, env);
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
      response = await get(new URL(address), {}, env);
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
