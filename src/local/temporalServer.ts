import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, stopOrphan, type Child, type StopSignals } from './childProcess';
import { LocalServerError } from './errors';
import { ensureFolder } from './folder';
import { startOnFreePorts, waitForPort } from './ports';
import { commandOutput } from './watchedProcess';

export interface TemporalServerOptions {
  /** A usable Temporal CLI, see `temporalCli`. */
  cli: string;
  /** The SQLite file that holds everything; created when missing. */
  dbFile: string;
  /** Taken if it is free, else another; default 7233. */
  port?: number;
  /** Taken if it is free, else another; default 8233; null for no Web UI. */
  uiPort?: number | null;
  /** Created when missing, and given a year of retention. `default` exists anyway. */
  namespaces?: readonly string[];
  logLevel?: 'error' | 'warn' | 'info';
  logFile?: string | undefined;
  onProgress?: (line: string) => void;
  /** Called with a reason when the server ends without `stop` having been called. */
  onExit?: ((reason: string) => void) | undefined;
}

export interface LocalTemporalServer {
  /** host:port of the frontend. */
  address: string;
  uiUrl: string | null;
  /** Of the frontend and, if there is one, of the UI. */
  ports: readonly number[];
  pid: number;
  /** Ends the server and waits until it is gone. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
/** A server that cannot listen has ended by then. */
const SURELY_ENDED_MS = 5_000;
/** The dev server deletes closed workflows after a day, audit trail and all. */
const RETENTION = '8760h';
const STOP_SIGNALS: StopSignals = [{ signal: 'SIGTERM', graceMs: 10_000 }];
/** The CLI would otherwise read addresses, keys and profiles of the operator's own Temporal configuration. */
const NO_ENV = {};

/** A server's default limits cap a load test long before the CPU does. */
export const DYNAMIC_CONFIG = {
  'frontend.rps': 20_000,
  'frontend.namespaceRPS': 20_000,
  'matching.rps': 20_000,
  'history.rps': 30_000,
  'frontend.namespaceRPS.visibility': 1_000,
  // A worker gets an activity that it scheduled in the same answer, without a trip over the task queue.
  'system.enableActivityEagerExecution': true,
  // `temporal workflow pause` is off otherwise.
  'frontend.WorkflowPauseEnabled': true,
};

/** Flags of `temporal server start-dev` that every server of ours gets. */
const TEMPORAL_FLAGS: readonly string[] = [
  // Without WAL every commit waits for two flushes of the disk.
  ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
  ...Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
];

/**
 * Starts a Temporal dev server on 127.0.0.1 and resolves when its frontend answers. A server that a killed process
 * left behind on the same file is stopped first. Throws LocalServerError.
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<LocalTemporalServer> {
  const { cli, namespaces = ['default'], logFile } = options;
  const dbFile = path.resolve(options.dbFile);
  await ensureFolder(path.dirname(dbFile));
  options.onProgress?.(`starting Temporal (data in ${dbFile})`);

  const pidFile = `${dbFile}.pid`;
  await stopOrphan(pidFile, STOP_SIGNALS);

  const preferred = [options.port ?? 7233, ...(options.uiPort === null ? [] : [options.uiPort ?? 8233])];
  const { child, address, uiUrl, ports } = await startOnFreePorts(preferred, HOST, async (ports) => {
    const [port = 0, uiPort] = ports;
    const child = startChild({
      command: cli,
      // It turns the file's name into a URL, where `%`, `#` and `?` have a meaning: so it gets the bare name.
      cwd: path.dirname(dbFile),
      args: [
        ...['server', 'start-dev', '--ip', HOST, '--port', String(port)],
        ...['--db-filename', path.basename(dbFile)],
        ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
        ...['--log-level', options.logLevel ?? 'error', ...TEMPORAL_FLAGS],
        ...namespaces.flatMap((namespace) => ['--namespace', namespace]),
      ],
      env: NO_ENV,
      pidFile,
      stopSignals: STOP_SIGNALS,
      logFile,
    });
    const address = `${HOST}:${port}`;
    await waitUntilServing(child, cli, port);
    return { child, address, uiUrl: uiPort === undefined ? null : `http://${HOST}:${uiPort}`, ports };
  });
  try {
    for (const namespace of namespaces) await setRetention(cli, address, namespace);
  } catch (error) {
    await child.stop();
    throw error;
  }
  if (options.onExit) void child.unexpectedExit.then(options.onExit);
  return { address, uiUrl, ports, pid: child.pid, stop: child.stop };
}

/** Another server on the port would answer, too: ours prints that it listens, or has been alive for a while. */
async function waitUntilServing(child: Child, cli: string, port: number): Promise<void> {
  const [begun, deadline] = [Date.now(), Date.now() + START_TIMEOUT_MS];
  const isOurs = () =>
    new RegExp(`Server: +\\S+:${port}\\b`).test(child.lastLines()) || Date.now() - begun > SURELY_ENDED_MS;
  let reason = 'its port never opened';
  if (await waitForPort(HOST, port, START_TIMEOUT_MS, child.alive)) {
    while (child.alive() && Date.now() < deadline) {
      const health = ['operator', 'cluster', 'health', '--address', `${HOST}:${port}`];
      const answer = await commandOutput(cli, health, NO_ENV, 5000).catch((error: Error) => error.message);
      if (answer.trim() === 'SERVING' && child.alive() && isOurs()) return;
      reason = answer;
      await sleep(50);
    }
  }
  await child.stop();
  throw new LocalServerError(
    'temporal_start_failed',
    `the Temporal server did not start: ${child.lastLines() || reason}`,
  );
}

async function setRetention(cli: string, address: string, namespace: string): Promise<void> {
  const update = ['operator', 'namespace', 'update', '-n', namespace, '--retention', RETENTION];
  await commandOutput(cli, [...update, '--address', address], NO_ENV, 15_000).catch((error: Error) => {
    throw new LocalServerError('temporal_start_failed', `namespace ${namespace}: ${error.message}`, {
      cause: error,
    });
  });
}
