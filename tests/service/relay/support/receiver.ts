import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

export const SECRET = `whsec_${Buffer.from('a secret of a receiver, for tests').toString('base64')}`;

/** A webhook as it came in, its signature verified. */
interface Received {
  id: string;
  headers: IncomingHttpHeaders;
  body: {
    type: string;
    timestamp: string;
    data: Record<string, unknown> & { namespace_id: number; run_id: string };
  };
}

export type Answer = (res: ServerResponse) => unknown;

export const answerWith =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (res) =>
    res.writeHead(status, headers).end('{}');

/** The answer begins, and then its connection is cut. */
export const breakOff: Answer = (res) => {
  res.writeHead(200, { 'content-length': '1000' });
  res.write('{"', () => res.destroy());
};

export const never: Answer = () => undefined;

/** A receiver of Standard Webhooks that does what it is told, and else answers 204. */
export interface Receiver {
  url: string;
  /** All tries, in the order in which they came in. */
  received: Received[];
  /** Tries of one namespace. */
  of(namespaceId: string): Received[];
  /** What the next tries of a namespace's events of this type are answered, one each. */
  answer(namespaceId: string, type: string, ...answers: Answer[]): void;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const answers = new Map<string, Answer[]>();
  const webhook = new Webhook(SECRET);
  const server = createServer((req, res) => {
    void text(req).then((payload) => {
      const body = webhook.verify(payload, req.headers as Record<string, string>) as Received['body'];
      received.push({ id: String(req.headers['webhook-id']), headers: req.headers, body });
      const answer = answers.get(`${body.data.namespace_id} ${body.type}`)?.shift() ?? answerWith(204);
      answer(res);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received,
    of: (namespaceId) => received.filter(({ body }) => body.data.namespace_id === Number(namespaceId)),
    answer: (namespaceId, type, ...list) => void answers.set(`${namespaceId} ${type}`, list),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
