import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to PostgreSQL that counts how often a client waits for an answer. */
export interface RoundTripCounter {
  port: number;
  /** Until now, over all connections. Statements that are sent together make one. */
  readonly count: number;
  close(): Promise<void>;
}

/** @param url of a database */
export async function startRoundTripCounter(url: string): Promise<RoundTripCounter> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let isAnswered = true;
    near.on('data', () => {
      if (isAnswered) count += 1;
      isAnswered = false;
    });
    far.on('data', () => (isAnswered = true));
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined); // always followed by close
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get count() {
      return count;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
