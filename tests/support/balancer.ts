import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A balancer as they stand in front of APIs: it sends requests to those that say that they are ready. */
export interface Balancer {
  url: string;
  /** Takes an API in; `remove` takes it out, e.g. as it has ended. */
  add(url: string): void;
  remove(url: string): void;
  isReady(url: string): boolean;
  /** Answers so far by status; 502: an API broke off. */
  answered: Record<number, number>;
  close(): Promise<void>;
}

const PROBE_MS = 100;

/** Balances in turn, over connections that are kept alive. */
export async function startBalancer(): Promise<Balancer> {
  const ready = new Map<string, boolean>();
  const agent = new Agent({ keepAlive: true });
  const answered: Record<number, number> = {};
  let turn = 0;
  const next = () => {
    const urls = [...ready].filter(([, isReady]) => isReady).map(([url]) => url);
    return urls[(turn += 1) % urls.length];
  };
  const server = createServer((req, res) => {
    res.on('finish', () => (answered[res.statusCode] = (answered[res.statusCode] ?? 0) + 1));
    const target = next();
    if (target === undefined) res.writeHead(503, { 'retry-after': '1' }).end();
    else forward(target, req, res, agent);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  let isOpen = true;
  const probing = (async () => {
    while (isOpen) {
      await Promise.all(
        [...ready.keys()].map(async (url) => {
          const isReady = await fetch(`${url}/-/readiness`).then(
            ({ ok }) => ok,
            () => false,
          );
          if (ready.has(url)) ready.set(url, isReady);
        }),
      );
      await sleep(PROBE_MS);
    }
  })();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (url) => void ready.set(url, false),
    remove: (url) => void ready.delete(url),
    isReady: (url) => ready.get(url) ?? false,
    answered,
    close: async () => {
      isOpen = false;
      await probing;
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}

/** Like any balancer, it does not send a request a second time: it may have been carried out. */
function forward(target: string, req: IncomingMessage, res: ServerResponse, agent: Agent): void {
  const onward = request(
    new URL(req.url ?? '/', target),
    { method: req.method, headers: req.headers, agent },
    (answer) => {
      const { connection: _ours, ...headers } = answer.headers;
      res.writeHead(answer.statusCode ?? 502, headers);
      answer.pipe(res);
    },
  );
  onward.on('error', (error) => {
    if (!res.headersSent) res.writeHead(502).end(String(error));
    else res.destroy();
  });
  req.pipe(onward);
}
