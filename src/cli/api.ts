import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Express } from 'express';
import { freePort } from '../local/ports';

/** An HTTP server that listens. */
export interface RunningApi {
  url: string;
  /** Takes no more requests and lets running ones finish, for at most this long. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Listens on `host` and on `port`, or on a free one if that is taken.
 * @param createApp gets the address, which the local issuer is named after
 */
export async function listen(
  host: string,
  port: number,
  createApp: (url: string) => Express,
): Promise<RunningApi> {
  const chosen = await freePort(port, host);
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
