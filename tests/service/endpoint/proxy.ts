import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a server that a test can block. */
export interface Proxy {
  port: number;
  /** Lets nothing through any more, in either direction; nobody is told. */
  stall(): void;
  /** Lets everything through again, also what was held back. */
  resume(): void;
  /** Cuts all connections and takes no new ones, as if the server had gone. */
  refuse(): Promise<void>;
  /** Takes connections again, on the same port. */
  accept(): Promise<void>;
  close(): Promise<void>;
}

/** Forwards connections to `port` on `host`. */
export async function startProxy(host: string, port: number): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isStalled = false;
  const flow = ([near, far]: readonly [Socket, Socket]) => {
    near.pipe(far);
    far.pipe(near);
  };
  const server = createServer((near) => {
    const far = connect(port, host);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => undefined); // always followed by close
      socket.on('close', () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
    if (!isStalled) flow(pair);
  });
  const listen = async (on: number) => {
    server.listen(on, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  const refuse = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const [near] of pairs) near.destroy();
    await closed;
  };
  return {
    port: own,
    stall: () => {
      isStalled = true;
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
      }
    },
    resume: () => {
      isStalled = false;
      pairs.forEach(flow);
    },
    refuse,
    accept: () => listen(own),
    close: () => (server.listening ? refuse() : Promise.resolve()),
  };
}
