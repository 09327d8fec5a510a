import { createServer, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A TCP port on `host` that can be bound now: `preferred` if it is free, else one the system picks.
 * Between this answer and its use somebody else may take it: see `startOnFreePort`.
 */
export async function freePort(preferred: number, host: string): Promise<number> {
  try {
    return await bindOnce(preferred, host);
  } catch {
    return await bindOnce(0, host);
  }
}

/**
 * Starts a server on a free port. Where somebody else took the port just before the server could bind it, tries
 * again with another one.
 */
export async function startOnFreePort<T>(
  preferred: number,
  host: string,
  start: (port: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(preferred, host);
    try {
      return await start(port);
    } catch (error) {
      const portIsStillFree = (await freePort(port, host)) === port;
      if (portIsStillFree || attempt === 3) throw error;
    }
  }
}

function bindOnce(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}

/**
 * Resolves to true once something accepts connections on the port; to false when `timeoutMs` have passed,
 * or as soon as `stillAlive` says that the process which should listen there has ended.
 */
export async function waitForPort(
  host: string,
  port: number,
  timeoutMs: number,
  stillAlive: () => boolean,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (stillAlive() && Date.now() < deadline) {
    if (await accepts(host, port)) return stillAlive();
    await sleep(25);
  }
  return false;
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const settle = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
