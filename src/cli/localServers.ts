import path from 'node:path';
import type { Config } from '../config/config';
import { ensureDatabase } from '../local/database';
import { prepareGitlabDatabase } from '../local/gitlabDatabase';
import { startPostgres } from '../local/postgres';
import { temporalCli } from '../local/temporalCli';
import { startTemporalServer } from '../local/temporalServer';
import { keepPorts, keptPorts } from './keptPorts';
import { explain } from './startError';
import { findRuntime, NOTHING, type Runtime } from './runtimeFile';

/** A Temporal server and its UI. */
interface TemporalAddress extends NonNullable<Config['temporal']> {
  uiUrl: string;
}

/**
 * The databases and the Temporal server that the service works with. Each is found or started when it is asked for,
 * so that a part starts only what it needs.
 * All throw LocalServerError when something cannot be started.
 */
export interface Servers {
  /** GitLab's database; the embedded one has its tables and a demo group. */
  gitlabDatabase(): Promise<string>;
  customersDotDatabase(): Promise<string>;
  temporal(): Promise<TemporalAddress>;
  /** What was started here, and the Temporal UI that is used, for other processes on the same data directory. */
  started(): Runtime;
  /** Stops what was started here, the newest first. */
  stop(): Promise<void>;
}

export interface ServerEvents {
  onProgress: (line: string) => void;
  /** A server that was started here has died. */
  onExit: (reason: string) => void;
}

/** What another process runs on the same data directory is shared; else a server is started here. */
export async function openServers(
  config: Config,
  environment: NodeJS.ProcessEnv,
  events: ServerEvents,
): Promise<Servers> {
  const shared = await findRuntime(config.dataDir);
  const running: { stop(): Promise<void> }[] = [];
  const started = { ...NOTHING };
  let embedded: Promise<Databases> | undefined;
  const databases = () =>
    (embedded ??= findDatabases(config, shared, events).then((found) => {
      if (found.server) {
        running.push(found.server);
        Object.assign(started, found.urls);
      }
      return found.urls;
    }));
  return {
    gitlabDatabase: async () => {
      if (config.gitlabDatabaseUrl !== null) return config.gitlabDatabaseUrl;
      const { gitlabDatabaseUrl } = await databases();
      await explain(prepareGitlabDatabase(gitlabDatabaseUrl), 'The embedded database cannot be prepared');
      return gitlabDatabaseUrl;
    },
    customersDotDatabase: async () =>
      config.customersDotDatabaseUrl ?? (await databases()).customersDotDatabaseUrl,
    temporal: async () => {
      const { server, ...address } = await findTemporal(config, environment, shared, events);
      if (server) {
        running.push(server);
        started.temporalAddress = server.address;
      }
      started.temporalUiUrl = address.uiUrl;
      started.temporalNamespace = address.namespace;
      return address;
    },
    started: () => started,
    stop: async () => {
      for (const server of running.splice(0).toReversed()) await server.stop();
    },
  };
}

interface Databases {
  gitlabDatabaseUrl: string;
  customersDotDatabaseUrl: string;
}

async function findDatabases(
  { dataDir }: Config,
  shared: Runtime,
  events: ServerEvents,
): Promise<{ urls: Databases; server: { stop(): Promise<void> } | null }> {
  const { gitlabDatabaseUrl, customersDotDatabaseUrl } = shared;
  if (gitlabDatabaseUrl !== null && customersDotDatabaseUrl !== null) {
    return { urls: { gitlabDatabaseUrl, customersDotDatabaseUrl }, server: null };
  }
  const server = await startPostgres({
    dataDir: path.join(dataDir, 'postgres'),
    port: (await keptPorts(dataDir)).postgres,
    logFile: path.join(dataDir, 'postgres.log'),
    ...events,
  });
  try {
    await ensureDatabase(server.url('postgres'), 'gitlab');
    await ensureDatabase(server.url('postgres'), 'customers_dot');
  } catch (error) {
    await server.stop();
    throw error;
  }
  events.onProgress(`PostgreSQL is up on port ${server.port}`);
  await keepPorts(dataDir, { postgres: server.port }, events.onProgress);
  const urls = {
    gitlabDatabaseUrl: server.url('gitlab'),
    customersDotDatabaseUrl: server.url('customers_dot'),
  };
  return { urls, server };
}

async function findTemporal(
  config: Config,
  environment: NodeJS.ProcessEnv,
  shared: Runtime,
  events: ServerEvents,
): Promise<TemporalAddress & { server: Awaited<ReturnType<typeof startTemporalServer>> | null }> {
  const { dataDir, cacheDir, temporalCliPath, temporalNamespace: namespace } = config;
  if (config.temporal) return { ...config.temporal, uiUrl: config.temporalUiUrl ?? DEFAULT_UI, server: null };
  if (shared.temporalAddress !== null) {
    const uiUrl = config.temporalUiUrl ?? shared.temporalUiUrl ?? DEFAULT_UI;
    return { connectionOptions: { address: shared.temporalAddress }, namespace, uiUrl, server: null };
  }
  const cli = await temporalCli({
    cacheDir,
    env: environment,
    onProgress: events.onProgress,
    ...(temporalCliPath !== null && { cliPath: temporalCliPath }),
  });
  const kept = await keptPorts(dataDir);
  const server = await startTemporalServer({
    cli,
    port: kept.temporal,
    uiPort: kept.temporalUi,
    dbFile: path.join(dataDir, 'temporal.db'),
    logFile: path.join(dataDir, 'temporal.log'),
    namespaces: [namespace],
    ...events,
  });
  events.onProgress(`Temporal is up on ${server.address}`);
  const [temporal = 0, temporalUi = 0] = server.ports;
  await keepPorts(dataDir, { temporal, temporalUi }, events.onProgress);
  const uiUrl = config.temporalUiUrl ?? server.uiUrl ?? DEFAULT_UI;
  return { connectionOptions: { address: server.address }, namespace, uiUrl, server };
}

const DEFAULT_UI = 'http://127.0.0.1:8233';
