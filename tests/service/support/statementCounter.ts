import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to PostgreSQL that counts the statements that go over it. */
export interface StatementCounter {
  port: number;
  /** Until now, over all connections. */
  readonly count: number;
  close(): Promise<void>;
}

/** @param url of a database */
export async function startStatementCounter(url: string): Promise<StatementCounter> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    near.on(
      'data',
      messageCounter((type) => (count += type === SYNC || type === QUERY ? 1 : 0)),
    );
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

// A client's messages: the first has 4 bytes of length, the others 1 of type before it; the length counts itself. Each
// statement ends with one of these.
const SYNC = 'S'.charCodeAt(0);
const QUERY = 'Q'.charCodeAt(0);

/** @returns takes the bytes of one client as they come, and tells the type of each message */
function messageCounter(onMessage: (type: number) => void): (chunk: Buffer) => void {
  let typeBytes = 0; // none before the first message
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= typeBytes + 4) {
      const end = typeBytes + rest.readInt32BE(typeBytes);
      if (rest.length < end) return;
      if (typeBytes > 0) onMessage(rest.readUInt8(0));
      rest = rest.subarray(end);
      typeBytes = 1;
    }
  };
}
