import { readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, stopOrphan, type Child, type StopSignals } from './childProcess';
import { withClient } from './database';
import { LocalServerError } from './errors';
import { ensureFolder } from './folder';
import { startOnFreePorts } from './ports';
import { ensureCluster, POSTGRES_ENV } from './postgresCluster';
import { asUser, postgresBinaries, postgresUser } from './postgresProgram';
import { workingDirectory } from './processInfo';

export interface PostgresOptions {
  /** Holds the cluster and its password; created when missing. */
  dataDir: string;
  /** Taken if it is free, else another; default 5432. */
  port?: number;
  /** Extra server settings, e.g. `{ fsync: 'off' }`. */
  settings?: Record<string, string>;
  logFile?: string | undefined;
  onProgress?: (line: string) => void;
  /** Called with a reason when the server ends without `stop` having been called. */
  onExit?: ((reason: string) => void) | undefined;
}

export interface LocalPostgres {
  /** The connection URL of a database, with the superuser's password. */
  url(database: string): string;
  port: number;
  pid: number;
  /** Shuts down (clients are disconnected, transactions rolled back) and waits for the end. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
/** SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (recovery at the next start). */
const STOP_SIGNALS: StopSignals = [
  { signal: 'SIGINT', graceMs: 10_000 },
  { signal: 'SIGQUIT', graceMs: 5_000 },
];

/**
 * Starts PostgreSQL on 127.0.0.1 with the data below `dataDir` and resolves when it answers queries. A server that
 * a killed process left behind on the same data is stopped first. Throws LocalServerError.
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const dataDir = path.resolve(options.dataDir);
  const binaries = await postgresBinaries();
  const user = await postgresUser();
  await ensureFolder(dataDir);
  options.onProgress?.(`starting PostgreSQL (data in ${dataDir})`);

  const pidFile = path.join(dataDir, 'pg.pid');
  await stopOrphan(pidFile, STOP_SIGNALS);
  const { directory, password } = await ensureCluster(dataDir, binaries, user);
  await releaseStaleLock(directory);

  const { child, port, url } = await startOnFreePorts([options.port ?? 5432], HOST, async ([port = 0]) => {
    const args = ['-D', directory, ...settingFlags(port, options.settings ?? {})];
    const paths = [binaries.postgres, path.join(binaries.root, 'lib'), directory];
    const child = startChild({
      ...(await asUser(user, binaries.postgres, args, paths)),
      env: POSTGRES_ENV,
      cwd: directory,
      pidFile,
      stopSignals: STOP_SIGNALS,
      logFile: options.logFile,
    });
    const url = (database: string) =>
      `postgres://postgres:${password}@${HOST}:${port}/${encodeURIComponent(database)}`;
    await waitUntilReady(child, url('postgres'));
    return { child, port, url };
  });
  if (options.onExit) void child.unexpectedExit.then(options.onExit);
  return { url, port, pid: child.pid, stop: child.stop };
}

function settingFlags(port: number, extra: Record<string, string>): string[] {
  const settings = {
    listen_addresses: HOST,
    port: String(port),
    // None: its directory may not exist or not be writable.
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...extra,
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * PostgreSQL does not start while the pid in its lock file belongs to a live process of the same user. After a restart that
 * may be any program; a server of this folder has it as its working directory. PostgreSQL considers a lock with the pid of
 * its parent, which is this process, stale, and still checks whether a backend of the former server lives.
 */
async function releaseStaleLock(directory: string): Promise<void> {
  const lock = path.join(directory, 'postmaster.pid');
  const text = await readFile(lock, 'utf8').catch(() => null);
  if (text === null || workingDirectory(Number.parseInt(text, 10)) === (await realpath(directory))) return;
  await writeFile(lock, text.replace(/^\d*/, String(process.pid)));
}

/** Connects with our own password, so that another server on the port is not mistaken for ours. */
async function waitUntilReady(child: Child, url: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let last: unknown;
  while (child.alive() && Date.now() < deadline) {
    try {
      await withClient(url, (client) => client.query('SELECT 1'), { connectionTimeoutMillis: 5000 });
      return;
    } catch (error) {
      last = error;
      await sleep(25);
    }
  }
  await child.stop();
  const reason = child.lastLines() || (last as Error | undefined)?.message;
  throw new LocalServerError('postgres_start_failed', `PostgreSQL did not start: ${reason}`, { cause: last });
}
