import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe } from '@jest/globals';
import { freePort, waitForPort } from '../../src/local/ports';
import { findProgram } from './findProgram';

const PROGRAM = findProgram(['pgbouncer'], ['/usr/sbin/pgbouncer'], process.env['PATH']);
const MISSING = 'no PgBouncer here: install the package pgbouncer';

/** Whether there is a PgBouncer. Where there is none, CI fails. @param what goes without it */
export function hasPgBouncer(what: string): boolean {
  if (PROGRAM !== null) return true;
  if (process.env['CI']) throw new Error(MISSING);
  console.warn(`skipped: ${what}: ${MISSING}`);
  return false;
}

/** `describe` where there is a PgBouncer. Else the tests are skipped with a line, and fail in CI. */
export const describeWithPgBouncer = (() => {
  if (PROGRAM !== null || process.env['CI']) return describe;
  console.warn(`skipped: ${MISSING}`);
  return describe.skip;
})();

/** A real PgBouncer in front of one database. */
export interface PgBouncer {
  /** The database's URL through it. */
  url: string;
  /** Ends it, as a restart would, and starts it again on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts PgBouncer as its documentation has it, with no setting but the mode. @param more lines of its configuration */
export async function startPgBouncer(
  databaseUrl: string,
  mode: 'session' | 'transaction',
  more = '',
): Promise<PgBouncer> {
  if (PROGRAM === null) throw new Error(MISSING);
  const { hostname, port, pathname, username, password } = new URL(databaseUrl);
  const name = pathname.slice(1);
  const directory = await mkdtemp(path.join(tmpdir(), 'pgbouncer-'));
  await chmod(directory, 0o755);
  const listenPort = await freePort(0, '127.0.0.1');
  const config = path.join(directory, 'pgbouncer.ini');
  await writeFile(
    config,
    `[databases]
${name} = host=${hostname} port=${port} dbname=${name} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 40
max_client_conn = 200
${more}
`,
    { mode: 0o644 },
  );
  // It refuses to run as root.
  const args = [...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []), config];
  const start = async () => {
    const child = spawn(PROGRAM, args, { stdio: 'ignore' });
    const ended = once(child, 'exit');
    const isUp = await waitForPort('127.0.0.1', listenPort, 10_000, () => child.exitCode === null);
    if (!isUp) throw new Error(`PgBouncer ended with ${child.exitCode}`);
    return async () => {
      child.kill('SIGTERM');
      await ended;
    };
  };
  let end = await start();
  const url = new URL(databaseUrl);
  url.port = String(listenPort);
  return {
    url: url.href,
    restart: async () => {
      await end();
      end = await start();
    },
    stop: async () => {
      await end();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
