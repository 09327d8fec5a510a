import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it came in. */
interface Posted {
  namespaceId: string;
  syncId: number;
  provision: unknown;
  headers: IncomingMessage['headers'];
  at: number;
}

export type Answering = (res: ServerResponse, posted: Posted) => unknown;

/** Stands in for GitLab where an answer must be forced. */
export interface StandIn {
  url: string;
  port: number;
  posts: Posted[];
  /** The largest number of requests that were open at once, per namespace and over all. */
  open: { most: number; mostOfOneNamespace: number };
  connections: number;
  /** Requests are answered by these in turn, per namespace; the last one stays. */
  answer(namespaceId: string, ...answers: Answering[]): void;
  /** Resolves when so many requests of a namespace have come in. */
  received(namespaceId: string, count: number): Promise<Posted[]>;
  close(): Promise<void>;
}

export const SUCCESS = {
  status: 'success',
  message: null,
  payload: {
    base_product: { status: 'success' },
    storage: null,
    compute_minutes: null,
    add_on_purchases: null,
  },
};

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answering =>
  (res) =>
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

export const unavailable = json(503, { message: '503 Service Unavailable' });
export const done = json(200, SUCCESS);

export async function startStandIn(): Promise<StandIn> {
  const answers = new Map<string, Answering[]>();
  const openBy = new Map<string, number>();
  const waiting = new Set<() => void>();
  const server = createServer((req, res) => void handle(req, res));
  const standIn: StandIn = {
    url: '',
    port: 0,
    posts: [],
    open: { most: 0, mostOfOneNamespace: 0 },
    connections: 0,
    answer: (namespaceId, ...list) => void answers.set(namespaceId, list),
    received: async (namespaceId, count) => {
      const ofNamespace = () => standIn.posts.filter((post) => post.namespaceId === namespaceId);
      while (ofNamespace().length < count) await new Promise<void>((resolve) => waiting.add(resolve));
      return ofNamespace();
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const namespaceId = /namespaces\/(-?\d+)\/provision$/.exec(req.url ?? '')?.[1] ?? '';
    const text = (await req.toArray()).map(String).join('');
    const body = JSON.parse(text) as { sync_id: number; provision: unknown };
    const posted = {
      namespaceId,
      syncId: body.sync_id,
      provision: body.provision,
      headers: req.headers,
      at: Date.now(),
    };
    standIn.posts.push(posted);
    openBy.set(namespaceId, (openBy.get(namespaceId) ?? 0) + 1);
    const counts = [...openBy.values()];
    standIn.open.most = Math.max(
      standIn.open.most,
      counts.reduce((a, b) => a + b, 0),
    );
    standIn.open.mostOfOneNamespace = Math.max(standIn.open.mostOfOneNamespace, ...counts);
    res.on('close', () => openBy.set(namespaceId, (openBy.get(namespaceId) ?? 1) - 1));
    for (const wake of waiting) wake();
    waiting.clear();
    const list = answers.get(namespaceId) ?? [done];
    await (list.length > 1 ? list.shift() : list[0])?.(res, posted);
  }

  server.on('connection', () => standIn.connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  standIn.port = (server.address() as AddressInfo).port;
  standIn.url = `http://127.0.0.1:${standIn.port}`;
  return standIn;
}
