import { createServer, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A TCP port on `host` that can be bound now: `preferred` if it is free, else one the system picks.
 * Another process may bind it before it is used: see `startOnFreePorts`.
 */
export async function freePort(preferred: number, host: string): Promise<number> {
  try {
    return await bindOnce(preferred, host);
  } catch {
    return await bindOnce(0, host);
  }
}

/**
 * Starts a server on free ports: each preferred one, or else the next free one above it. Not one of the system's choice,
 * which an outgoing connection may use at the next start. Tries again where another process was faster, or where the
 * server took one of the ports for another purpose.
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
 * Resolves to true once the port accepts connections; to false after `timeoutMs`, or as soon as `stillAlive` is false of
 * the process that should listen there.
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
