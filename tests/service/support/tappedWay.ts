import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a server on which every client is listened to. */
export interface TappedWay {
  port: number;
  close(): Promise<void>;
}

/** @param tap makes the listener of one client: it takes the client's bytes as they come */
export async function tapWay(
  host: string,
  port: number,
  tap: () => (chunk: Buffer) => void,
): Promise<TappedWay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, host);
    near.on('data', tap());
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
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
