import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** Where connections are forwarded to. It may change: a restarted server may get another port. */
interface Target {
  host: string;
  port: number;
}

/** A way to a server that a test can disturb. */
export interface Proxy {
  port: number;
  target: Target;
  /** Milliseconds that each chunk is held up, in both directions, on connections made from now on. */
  latencyMs: number;
  /** Lets nothing through any more, in either direction; nobody is told: a half-open network. */
  stall(): void;
  /** Lets everything through again, also what was held back. */
  resume(): void;
  /** Cuts all connections with a reset; new ones are taken. */
  reset(): void;
  /** Cuts all connections and takes no new ones, as if the server had gone. */
  refuse(): Promise<void>;
  /** Takes connections again, on the same port. */
  accept(): Promise<void>;
  close(): Promise<void>;
}

interface Pair {
  near: Socket;
  far: Socket;
  /** Hold chunks up in the two directions. */
  out: Transform;
  back: Transform;
}

/** Forwards connections to a target on this machine. */
export async function startProxy(host: string, port: number): Promise<Proxy> {
  const pairs = new Set<Pair>();
  let isStalled = false;
  const server = createServer((near) => {
    const far = connect(proxy.target);
    const pair = { near, far, out: delay(proxy.latencyMs), back: delay(proxy.latencyMs) };
    pairs.add(pair);
    for (const socket of [near, far]) {
      socket.on('error', () => undefined); // always followed by close
      socket.on('close', () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
    pair.out.pipe(far);
    pair.back.pipe(near);
    if (!isStalled) open(pair);
  });
  const listen = async (on: number) => {
    server.listen(on, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  const reset = () => {
    for (const { near, far } of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  };
  const refuse = async () => {
    const closed = once(server, 'close');
    server.close();
    reset();
    await closed;
  };
  const proxy: Proxy = {
    port: own,
    target: { host, port },
    latencyMs: 0,
    stall: () => {
      isStalled = true;
      pairs.forEach(shut);
    },
    resume: () => {
      isStalled = false;
      pairs.forEach(open);
    },
    reset,
    refuse,
    accept: () => listen(own),
    close: () => (server.listening ? refuse() : Promise.resolve()),
  };
  return proxy;
}

function open({ near, far, out, back }: Pair): void {
  near.pipe(out);
  far.pipe(back);
}

function shut({ near, far, out, back }: Pair): void {
  near.unpipe(out);
  far.unpipe(back);
}

function delay(ms: number): Transform {
  return new Transform({
    transform: (chunk, _encoding, done) => {
      if (ms === 0) done(null, chunk);
      else setTimeout(() => done(null, chunk), ms);
    },
  });
}
