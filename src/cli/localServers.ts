import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config/config';
import { ensureDatabase } from '../local/ensureDatabase';
import { prepareGitlabDatabase } from '../local/gitlabDatabase';
import { startPostgres } from '../local/postgres';
import { temporalCli } from '../local/temporalCli';
import { startTemporalServer } from '../local/temporalServer';
import { findRuntime, type Runtime } from './runtimeFile';

/** The databases and the Temporal server that the service works with, ours or started here. */
export interface Servers {
  gitlabDatabaseUrl: string;
  customersDotDatabaseUrl: string | null;
  temporal: NonNullable<Config['temporal']>;
  temporalUiUrl: string;
  /** Stops what was started here, the newest first. */
  stop(): Promise<void>;
}

export interface ServerEvents {
  onProgress: (line: string) => void;
  /** A server that was started here has died. */
  onExit: (reason: string) => void;
}

/**
 * Finds or starts what the configuration does not name: PostgreSQL with GitLab's tables and a demo group, and a
 * Temporal dev server. What another process runs on the same data directory is shared.
 * @throws LocalServerError when something cannot be started; what was started before is stopped again
 */
export async function findServers(
  config: Config,
  environment: NodeJS.ProcessEnv,
  events: ServerEvents,
): Promise<Servers> {
  const started: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const server of started.splice(0).toReversed()) await server.stop();
  };
  try {
    await mkdir(config.dataDir, { recursive: true });
    const shared = await findRuntime(config.dataDir);
    const databases = await findDatabases(config, shared, events, started);
    const temporal = await findTemporal(config, environment, shared, events, started);
    return { ...databases, ...temporal, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function findDatabases(
  { gitlabDatabaseUrl: gitlab, customersDotDatabaseUrl: customersDot, dataDir }: Config,
  shared: Runtime,
  events: ServerEvents,
  started: { stop(): Promise<void> }[],
): Promise<Pick<Servers, 'gitlabDatabaseUrl' | 'customersDotDatabaseUrl'>> {
  if (gitlab !== null) return { gitlabDatabaseUrl: gitlab, customersDotDatabaseUrl: customersDot };
  if (shared.gitlabDatabaseUrl) {
    return {
      gitlabDatabaseUrl: shared.gitlabDatabaseUrl,
      customersDotDatabaseUrl: customersDot ?? shared.customersDotDatabaseUrl,
    };
  }
  const postgres = await startPostgres({
    dataDir: path.join(dataDir, 'postgres'),
    logFile: path.join(dataDir, 'postgres.log'),
    ...events,
  });
  started.push(postgres);
  await ensureDatabase(postgres.url('postgres'), 'gitlab');
  await ensureDatabase(postgres.url('postgres'), 'customers_dot');
  await prepareGitlabDatabase(postgres.url('gitlab'));
  events.onProgress(`PostgreSQL is up on port ${postgres.port}`);
  return {
    gitlabDatabaseUrl: postgres.url('gitlab'),
    customersDotDatabaseUrl: customersDot ?? postgres.url('customers_dot'),
  };
}

async function findTemporal(
  config: Config,
  environment: NodeJS.ProcessEnv,
  shared: Runtime,
  events: ServerEvents,
  started: { stop(): Promise<void> }[],
): Promise<Pick<Servers, 'temporal' | 'temporalUiUrl'>> {
  const { dataDir, cacheDir, temporalCliPath, temporalNamespace: namespace } = config;
  if (config.temporal) {
    return { temporal: config.temporal, temporalUiUrl: config.temporalUiUrl ?? DEFAULT_UI };
  }
  if (shared.temporalAddress) {
    return {
      temporal: localTemporal(shared.temporalAddress, namespace),
      temporalUiUrl: config.temporalUiUrl ?? shared.temporalUiUrl ?? DEFAULT_UI,
    };
  }
  const cli = await temporalCli({
    cacheDir,
    env: environment,
    onProgress: events.onProgress,
    ...(temporalCliPath !== null && { cliPath: temporalCliPath }),
  });
  const server = await startTemporalServer({
    cli,
    dbFile: path.join(dataDir, 'temporal.db'),
    logFile: path.join(dataDir, 'temporal.log'),
    namespaces: [namespace],
    ...events,
  });
  started.push(server);
  events.onProgress(`Temporal is up on ${server.address}`);
  return {
    temporal: localTemporal(server.address, namespace),
    temporalUiUrl: config.temporalUiUrl ?? server.uiUrl ?? DEFAULT_UI,
  };
}

const DEFAULT_UI = 'http://127.0.0.1:8233';

function localTemporal(address: string, namespace: string): NonNullable<Config['temporal']> {
  // Compressing what stays on this machine only costs.
  return { connectionOptions: { address, grpcCompression: { codec: 'none' } }, namespace };
}
