import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort, startOnFreePorts, waitForPort } from '../../../src/local/ports';
import { Cleanup } from './support';

const HOST = '127.0.0.1';
const cleanup = new Cleanup();
afterEach(() => cleanup.run());

describe('freePort', () => {
  it('gives the preferred port when it is free, else another', async () => {
    const free = await freePort(0, HOST);
    expect(await freePort(free, HOST)).toBe(free);
    const taken = await cleanup.takenPort();
    expect(await freePort(taken, HOST)).not.toBe(taken);
  });
});

describe('startOnFreePorts', () => {
  it('gives different ports even where the same one is preferred', async () => {
    const wanted = await freePort(0, HOST);
    const ports = await startOnFreePorts([wanted, wanted], HOST, async (given) => given);
    expect(ports[0]).toBe(wanted);
    expect(ports[1]).not.toBe(wanted);
  });

  it('takes the next port above where the preferred one is taken', async () => {
    const taken = await cleanup.takenPort();
    const [port = 0] = await startOnFreePorts([taken], HOST, async (given) => given);
    expect(port).toBeGreaterThan(taken);
    expect(port).toBeLessThanOrEqual(taken + 20);
  });

  it('tries again when somebody else took the port in between', async () => {
    const tried: number[] = [];
    const used = await startOnFreePorts([0], HOST, async ([port = 0]) => {
      tried.push(port);
      if (tried.length > 1) return port;
      const thief = createServer().listen(port, HOST);
      cleanup.add(async () => thief.close());
      await once(thief, 'listening');
      throw new Error('taken');
    });
    expect(tried).toHaveLength(2);
    expect(used).not.toBe(tried[0]);
  });

  it('does not try again when the server fails for another reason', async () => {
    let attempts = 0;
    const start = async () => {
      attempts++;
      throw new Error('broken');
    };
    await expect(startOnFreePorts([0], HOST, start)).rejects.toThrow('broken');
    expect(attempts).toBe(1);
  });
});

describe('waitForPort', () => {
  it('is true when the port opens, false after the time or when the process has ended', async () => {
    expect(await waitForPort(HOST, await cleanup.takenPort(), 1000, () => true)).toBe(true);
    const closed = await freePort(0, HOST);
    expect(await waitForPort(HOST, closed, 60, () => true)).toBe(false);
    expect(await waitForPort(HOST, closed, 60_000, () => false)).toBe(false);
  });
});
