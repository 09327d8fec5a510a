import path from 'node:path';
import { ensureDatabase } from '../local/database';
import { prepareGitlabDatabase } from '../local/gitlabDatabase';
import { startPostgres } from '../local/postgres';
import { temporalCli } from '../local/temporalCli';
import { startTemporalServer } from '../local/temporalServer';
import type { Config } from '../config/config';
import type { Cleanups } from './ending';
import { keepPorts, keptPorts } from './keptPorts';
import type { ServiceOptions } from './parts';
import { findRuntime, NOTHING, type Runtime } from './runtimeFile';
import { explain } from './startError';

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
  started: Runtime;
}

const DEFAULT_UI = 'http://127.0.0.1:8233';

/**
 * What another process runs on the same data directory is shared; else a server is started here.
 * @param cleanups gets what stops a server that was started
 */
export async function openServers(
  { config, environment, onProgress, onFatal }: ServiceOptions,
  cleanups: Cleanups,
): Promise<Servers> {
  const { dataDir } = config;
  const shared = await findRuntime(dataDir);
  const started = { ...NOTHING };
  const events = { onProgress, onExit: onFatal };

  const startDatabases = async () => {
    const { gitlabDatabaseUrl, customersDotDatabaseUrl } = shared;
    if (gitlabDatabaseUrl !== null && customersDotDatabaseUrl !== null) {
      return { gitlabDatabaseUrl, customersDotDatabaseUrl };
    }
    const server = await startPostgres({
      dataDir: path.join(dataDir, 'postgres'),
      port: (await keptPorts(dataDir)).postgres,
      logFile: path.join(dataDir, 'postgres.log'),
      ...events,
    });
    cleanups.add(() => server.stop());
    await ensureDatabase(server.url('postgres'), 'gitlab');
    await ensureDatabase(server.url('postgres'), 'customers_dot');
    onProgress(`PostgreSQL is up on port ${server.port}`);
    await keepPorts(dataDir, { postgres: server.port }, onProgress);
    const urls = {
      gitlabDatabaseUrl: server.url('gitlab'),
      customersDotDatabaseUrl: server.url('customers_dot'),
    };
    Object.assign(started, urls);
    return urls;
  };
  let embedded: ReturnType<typeof startDatabases> | undefined;
  const databases = () => (embedded ??= startDatabases());

  /** The server's address and, if it is known, its UI. */
  const findTemporal = async () => {
    const { cacheDir, temporalCliPath, temporalNamespace: namespace } = config;
    if (config.temporal) return { ...config.temporal, uiUrl: null };
    if (shared.temporalAddress !== null) {
      const connectionOptions = { address: shared.temporalAddress };
      return { connectionOptions, namespace, uiUrl: shared.temporalUiUrl };
    }
    const cli = await temporalCli({
      cacheDir,
      env: environment,
      onProgress,
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
    cleanups.add(() => server.stop());
    onProgress(`Temporal is up on ${server.address}`);
    const [temporal = 0, temporalUi = 0] = server.ports;
    await keepPorts(dataDir, { temporal, temporalUi }, onProgress);
    started.temporalAddress = server.address;
    return { connectionOptions: { address: server.address }, namespace, uiUrl: server.uiUrl };
  };

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
      const found = await findTemporal();
      const uiUrl = config.temporalUiUrl ?? found.uiUrl ?? DEFAULT_UI;
      Object.assign(started, { temporalUiUrl: uiUrl, temporalNamespace: found.namespace });
      return { ...found, uiUrl };
    },
    started,
  };
}
