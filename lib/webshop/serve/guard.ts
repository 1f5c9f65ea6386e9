import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { Refusal } from './refusal.ts';

const maxBody = 16 * 1024;
const maxUrl = 4096;

const headers: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  // Not no-referrer: forms would then send `Origin: null`.
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
  'Cache-Control': 'no-store',
};

export function securityHeaders(): MiddlewareHandler {
  return async (context, next) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    await next();
  };
}

/**
 * Refuses requests for another host, so that a foreign name that was made to point here (DNS rebinding) reaches nothing. Names of the loopback
 * always pass. `bound`: where the server listens; other than on the loopback, addresses pass too, and that name and the machine's own.
 */
export function knownHosts(bound: string): MiddlewareHandler {
  const names = new Set(['localhost', '127.0.0.1', '[::1]']);
  const open = !isLoopback(bound);
  if (open) for (const name of [bound, hostname()]) names.add(name.toLowerCase());
  return async (context, next) => {
    const name = new URL(context.req.url).hostname;
    const isAddress = isIP(name.replace(/^\[|\]$/g, '')) !== 0;
    if (!names.has(name) && !(open && isAddress)) {
      throw new Refusal(421, `expected a request for this machine, got one for ${name}`, 'open the address that the server printed');
    }
    await next();
  };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Refuses long addresses, other methods than GET, HEAD and POST, and bodies that are long or no forms. */
export function modestRequests(): MiddlewareHandler {
  const limit = bodyLimit({
    maxSize: maxBody,
    onError: () => {
      throw new Refusal(413, `expected a form of at most ${maxBody} bytes, got more`);
    },
  });
  return async (context, next) => {
    const { method, url } = context.req;
    if (url.length > maxUrl) throw new Refusal(414, `expected an address of at most ${maxUrl} characters, got ${url.length}`);
    if (method === 'GET' || method === 'HEAD') return next();
    if (method !== 'POST') throw new Refusal(405, `expected GET, HEAD or POST, got ${method}`);
    const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/x-www-form-urlencoded') throw new Refusal(415, `expected a form, got ${type ?? 'no content type'}`);
    return limit(context, next);
  };
}

/** Refuses forms that another site sent; beside this every form carries a token, and the cookie stays away from other sites. */
export function ownForms(): MiddlewareHandler {
  return async (context, next) => {
    if (context.req.method === 'POST') {
      const site = context.req.header('sec-fetch-site');
      const origin = context.req.header('origin');
      const own = new URL(context.req.url).host;
      if ((site !== undefined && site !== 'same-origin') || (origin !== undefined && hostOf(origin) !== own)) {
        throw new Refusal(403, 'expected a form of this shop, got one that another site sent', 'go to the shop and try again');
      }
    }
    await next();
  };
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
