import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { AStarPOError } from '../../errors.ts';

export interface ShopServer {
  /** What a browser opens. */
  readonly url: string;
  readonly port: number;
  /** Ends open connections, too. */
  close(): Promise<void>;
}

/** Where ports are tried when none is asked for, and how many. */
const firstPort = 3000;
const tries = 50;

/**
 * Listens. `port`: 0 takes any that is free; undefined the first free one from 3000 on. Throws ASTARPO_PORT when the port that was asked for
 * is taken, or the host is not an address of this machine.
 */
export async function openServer(
  app: Hono,
  { host, port }: { readonly host: string; readonly port: number | undefined },
): Promise<ShopServer> {
  const ports = port === undefined ? Array.from({ length: tries }, (_, i) => firstPort + i) : [port];
  for (const candidate of ports) {
    const server = createAdaptorServer({ fetch: app.fetch }) as Server;
    // A slow sender must not hold a connection for minutes.
    server.headersTimeout = 10_000;
    server.requestTimeout = 20_000;
    try {
      server.listen(candidate, host);
      await once(server, 'listening');
      return running(server, host);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && port === undefined) continue;
      throw portError(error as NodeJS.ErrnoException, host, candidate);
    }
  }
  throw new AStarPOError('ASTARPO_PORT', `expected a free port from ${firstPort} to ${firstPort + tries - 1}, got none`, {
    hint: 'name one with --port, or 0 for any',
  });
}

function running(server: Server, host: string): ShopServer {
  const { port } = server.address() as AddressInfo;
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  const close = () =>
    new Promise<void>((resolve, reject) => {
      server.close((error) => (error === undefined ? resolve() : reject(error)));
      server.closeAllConnections();
    });
  return { url: `http://${name}:${port}/`, port, close };
}

function portError(error: NodeJS.ErrnoException, host: string, port: number): AStarPOError {
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there; leave --port out to take the next free one',
    EACCES: 'ports below 1024 are for the system; take a higher one',
    EADDRNOTAVAIL: 'the host is not an address of this machine; 127.0.0.1 always is',
    ENOTFOUND: 'the host has no address; 127.0.0.1 always has',
  };
  const hint = hints[error.code ?? ''];
  return new AStarPOError('ASTARPO_PORT', `cannot listen on port ${port} of ${host}: ${error.message}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
