// HTTP(S) requests through HTTPS_PROXY / HTTP_PROXY where set. Node built-ins alone.
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';

const REDIRECTS = 5;
const IDLE_MS = 60_000;

/** Proxy for a URL from the environment, or null: this machine itself never has one. NO_PROXY lists host suffixes; '*' is every host. */
export function proxyFor(url, env = process.env) {
  if (/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)) return null;
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

/**
 * Response to a GET, redirects followed. `headersFor(url)` gives the headers of each hop: what is meant for one host alone does not
 * reach another. Rejects when there is no response, after `redirects` redirects, and when `signal` fires (which ends the body too).
 */
export async function get(url, { headersFor = () => ({}), env = process.env, signal, redirects = REDIRECTS } = {}) {
  const proxy = proxyFor(url, env);
  const socket = proxy && url.protocol === 'https:' ? await tunnel(url, proxy) : null;
  const headers = headersFor(url);
  const response = await new Promise((resolve, reject) => {
    const options = { headers, signal, ...(socket ? { createConnection: () => socket } : {}) };
    const request =
      proxy && !socket
        ? http.get({
            hostname: proxy.hostname,
            port: proxy.port || 80,
            path: url.href,
            headers: { ...headers, host: url.host, ...proxyHeaders(proxy) },
            signal,
          })
        : (url.protocol === 'https:' ? https : http).get(url, options);
    request.setTimeout(IDLE_MS, () => request.destroy(new Error(`no data for ${IDLE_MS / 1000} s`)));
    request.once('error', reject);
    request.once('response', resolve);
  });
  if ([301, 302, 303, 307, 308].includes(response.statusCode) && response.headers.location) {
    response.destroy();
    if (redirects === 0) throw new Error('too many redirects');
    return get(new URL(response.headers.location, url), { headersFor, env, signal, redirects: redirects - 1 });
  }
  return response;
}
