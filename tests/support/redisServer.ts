import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe } from '@jest/globals';
import { createClient } from '@redis/client';
import { generate } from 'selfsigned';
import { freePort, waitForPort } from '../../src/local/ports';
import { findProgram } from './findProgram';

const PROGRAM = findProgram(['redis-server'], [], process.env['PATH']);
const MISSING = 'no Redis here: install the package redis-server';

/** `describe` where there is a Redis. Else the tests are skipped with a line, and fail in CI. */
export const describeWithRedis = (() => {
  if (PROGRAM !== null || process.env['CI']) return describe;
  console.warn(`skipped: ${MISSING}`);
  return describe.skip;
})();

/** A job as Sidekiq reads it. */
type SidekiqJob = Record<string, unknown> & { class: string; args: unknown[]; jid: string };

/** A real Redis that keeps nothing on disk. */
export interface RedisServer {
  /** With its password and database 3. */
  url: string;
  /** The same over TLS, and the file of the certificate to trust. */
  tls: { url: string; caFile: string };
  /** The jobs of a queue, the first pushed first, as `BRPOP` would take them. */
  jobs(queue?: string): Promise<SidekiqJob[]>;
  /** The answer to a command. */
  command(...words: string[]): Promise<unknown>;
  /** Ends it at once; with `start` it comes back empty, on the same port. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** From now on it answers nothing, until `resume`. */
  suspend(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Starts a Redis on a port of its own. */
export async function startRedis(): Promise<RedisServer> {
  if (PROGRAM === null) throw new Error(MISSING);
  const program = PROGRAM;
  const directory = await mkdtemp(path.join(tmpdir(), 'redis-'));
  const port = await freePort(0, '127.0.0.1');
  const tlsPort = await freePort(0, '127.0.0.1');
  const file = (name: string) => path.join(directory, name);
  const pair = await generate([{ name: 'commonName', value: 'redis' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  await Promise.all([writeFile(file('cert.pem'), pair.cert), writeFile(file('key.pem'), pair.private)]);
  const settings = {
    ...{ port, bind: '127.0.0.1', dir: directory, save: '', requirepass: 'secret' },
    ...{ 'tls-port': tlsPort, 'tls-auth-clients': 'no', 'tls-ca-cert-file': file('cert.pem') },
    ...{ 'tls-cert-file': file('cert.pem'), 'tls-key-file': file('key.pem') },
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const url = `redis://:secret@127.0.0.1:${port}/3`;
  let child: ChildProcess;
  const start = async () => {
    child = spawn(program, args, { stdio: 'ignore' });
    const isUp = await waitForPort('127.0.0.1', port, 10_000, () => child.exitCode === null);
    if (!isUp) throw new Error(`Redis ended with ${child.exitCode}`);
  };
  const kill = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  await start();
  const command = async (...words: string[]) => {
    const client = createClient({ url, RESP: 2 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await client.sendCommand(words);
    } finally {
      client.destroy();
    }
  };
  return {
    url,
    tls: { url: `rediss://:secret@127.0.0.1:${tlsPort}/3`, caFile: file('cert.pem') },
    command,
    jobs: async (queue = 'default') => {
      const pushed = (await command('LRANGE', `queue:${queue}`, '0', '-1')) as unknown as string[];
      return pushed.toReversed().map((job) => JSON.parse(job) as SidekiqJob);
    },
    kill,
    start,
    suspend: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop: async () => {
      child.kill('SIGCONT');
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
