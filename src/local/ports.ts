import { createServer, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A TCP port on `host` that can be bound now: `preferred` if it is free, else one the system picks.
 * Between this answer and its use somebody else may take it: see `startOnFreePorts`.
 */
export async function freePort(preferred: number, host: string): Promise<number> {
  try {
    return await bindOnce(preferred, host);
  } catch {
    return await bindOnce(0, host);
  }
}

/**
 * Starts a server on free ports: for each preferred one that one, or else the next above it that is free. Ports of the
 * system's choice are also given to outgoing connections: at the next start, one of these may be taken by such.
 * Tries again where another process was faster than the server, or where the server got in its own way: it takes further
 * ports for itself, possibly one of these.
 * @param preferred 0: any port
 */
export async function startOnFreePorts<T>(
  preferred: readonly number[],
  host: string,
  start: (ports: readonly number[]) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const ports = await distinctFreePorts(preferred, host);
    try {
      return await start(ports);
    } catch (error) {
      const isTaken = PORT_TAKEN.test((error as Error).message) || !(await areFree(ports, host));
      if (!isTaken || attempt === 5) throw error;
    }
  }
}

/** What PostgreSQL, Temporal and Node say when they cannot listen. */
const PORT_TAKEN = /address already in use|EADDRINUSE/i;

async function areFree(ports: readonly number[], host: string): Promise<boolean> {
  const free = await Promise.all(ports.map(async (port) => (await freePort(port, host)) === port));
  return free.every(Boolean);
}

async function distinctFreePorts(preferred: readonly number[], host: string): Promise<number[]> {
  const ports = new Set<number>();
  for (const wanted of preferred) {
    let candidate = wanted;
    let port = await freePort(candidate, host);
    while (ports.has(port) || (candidate !== 0 && port !== candidate)) {
      candidate = candidate !== 0 && candidate < wanted + NEAR ? candidate + 1 : 0;
      port = await freePort(candidate, host);
    }
    ports.add(port);
  }
  return [...ports];
}

/** So many ports above the preferred one are tried. */
const NEAR = 20;

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
