import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Express } from 'express';
import { freePort } from '../local/ports';
import { orExplain } from './startError';

/** An HTTP server that listens. */
export interface RunningApi {
  url: string;
  /** Takes no more requests and lets running ones finish, for at most this long. */
  stop(graceMs: number): Promise<void>;
}

/** Where to listen, and how to call it when that is not possible. */
export interface Address {
  name: string;
  host: string;
  port: number;
  onProgress: (line: string) => void;
}

/**
 * Listens on `host` and on `port`, or on a free one if that is taken.
 * @param createApp gets the address, which the local issuer is named after
 * @throws StartError when the host is none of this machine's
 */
export async function listen(
  { name, host, port, onProgress }: Address,
  createApp: (url: string) => Express,
): Promise<RunningApi> {
  const chosen = await orExplain(freePort(port, host), `HOST ${host} is no address of this machine`);
  if (port !== 0 && chosen !== port) onProgress(`port ${port} is taken: ${name} listens on ${chosen}`);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${chosen}`;
  const server = createServer(createApp(url));
  server.headersTimeout = 10_000;
  server.requestTimeout = 30_000;
  server.listen(chosen, host);
  await once(server, 'listening');
  return { url, stop: (graceMs) => close(server, graceMs) };
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const impatience = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(impatience);
}
