import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Express } from 'express';
import { freePort } from '../local/ports';
import type { Cleanups } from './ending';
import type { ServiceOptions } from './parts';
import { explain } from './startError';

/** Where an HTTP server listens, and what messages call it. */
interface Address {
  name: string;
  port: number;
}

/**
 * Listens on `HOST` and on `port`, or on a free one if that is taken.
 * @param cleanups gets what stops it: it takes no more requests, and lets running ones finish for a while
 * @param createApp gets the URL, which the local issuer is named after
 * @returns the URL
 * @throws StartError when the host is no address of this machine
 */
export async function serve(
  { config, onProgress, stopping }: Pick<ServiceOptions, 'config' | 'onProgress' | 'stopping'>,
  { name, port }: Address,
  cleanups: Cleanups,
  createApp: (url: string) => Express,
): Promise<string> {
  const { host } = config;
  const chosen = await explain(
    freePort(port, host),
    `HOST ${host} is no address of this machine (0.0.0.0 is all of them)`,
  );
  if (port !== 0 && chosen !== port) onProgress(`port ${port} is taken: ${name} listens on ${chosen}`);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${chosen}`;
  const server = createServer();
  // Without it a client that half-closes its connection (FIN) gets no answer. The types lack this option.
  Object.assign(server, { httpAllowHalfOpen: true });
  endConnections(server, stopping);
  const app = createApp(url);
  server.on('request', (req, res) => {
    req.url = originForm(req.url ?? '/');
    app(req, res);
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 30_000;
  server.listen(chosen, host);
  await once(server, 'listening');
  // Local servers end with the service, and a person who presses Ctrl-C waits. Elsewhere running requests get their time.
  const graceMs = config.gitlabDatabaseUrl === null ? 3_000 : 20_000;
  cleanups.add(() => close(server, graceMs));
  return url;
}

/** Once `stopping` is aborted, answers end their connections, so that clients open the next one elsewhere. */
function endConnections(server: Server, stopping: AbortSignal): void {
  const open = new Set<ServerResponse>();
  const end = (res: ServerResponse) => void (res.headersSent || res.setHeader('Connection', 'close'));
  server.on('request', (_req, res: ServerResponse) => {
    if (stopping.aborted) return end(res);
    open.add(res);
    res.on('close', () => open.delete(res));
  });
  stopping.addEventListener('abort', () => open.forEach(end), { once: true });
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}

/**
 * Makes the target of a request what the router reads: a path and a query. A target in absolute form
 * (`http://host/path`, RFC 9112 3.2.2) is reduced to these, whatever its scheme and host are; one without a path, or
 * that is none (`*`), gets the path of the root.
 */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const rest = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*(.*)$/i.exec(target)?.[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}
