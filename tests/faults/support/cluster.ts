import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ensureDatabase } from '../../../src/local/database';
import { prepareGitlabDatabase } from '../../../src/local/gitlabDatabase';
import { freePort } from '../../../src/local/ports';
import { startPostgres, type LocalPostgres } from '../../../src/local/postgres';
import { temporalCli } from '../../../src/local/temporalCli';
import { startTemporalServer, type LocalTemporalServer } from '../../../src/local/temporalServer';
import { eventually } from '../../support/eventually';
import { canFakeClocks, FakeClock } from '../../support/fakeClock';
import { hasPgBouncer, startPgBouncer, type PgBouncer } from '../../support/pgbouncer';
import { startProxy, type Proxy } from '../../support/proxy';
import { CLI_CACHE } from '../../support/servers';
import { Supervised } from './supervised';

const NAMESPACE = 'default';

/** The ways between the parts that can be disturbed, each with a proxy of its own. */
export type Way =
  'client-api' | 'api-postgres' | 'worker-postgres' | 'pooler-postgres' | 'api-temporal' | 'worker-temporal';

/** Real processes of every part, on real servers, connected through proxies. */
export interface Cluster {
  ways: Record<Way, Proxy>;
  api: Supervised;
  worker: Supervised;
  /** Past all proxies, for the oracle. */
  databaseUrl(): string;
  temporalAddress(): string;
  apiUrl: string;
  /** Holds the keys of the API's issuer. */
  apiDataDir: string;
  /** Null: clocks cannot be faked on this machine. */
  apiClock: FakeClock | null;
  postgres: Killable;
  /** Between the worker and PostgreSQL; null: there is none on this machine. */
  pooler: Pick<PgBouncer, 'restart'> | null;
  temporal: Temporal;
  /** How the parts are, for a failure's message. */
  describe(): Promise<string>;
  stop(): Promise<void>;
}

/** A server that can be stopped or killed, and started again on the same data. */
interface Killable {
  stop(): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
}

interface Temporal extends Killable {
  /** Deletes all of its data; to be called while it is stopped. */
  wipe(): Promise<void>;
  /** `temporal operator …` of the namespace of the parts. Resolves with false when the server refuses it. */
  operate(...args: string[]): Promise<boolean>;
}

/** Starts everything. The API and the worker are processes of their own. */
export async function startCluster(): Promise<Cluster> {
  const directory = await mkdtemp(path.join(tmpdir(), 'provisioner-faults-'));
  const cli = await temporalCli({ cacheDir: CLI_CACHE, env: process.env });
  const startDatabase = () => startPostgres({ dataDir: path.join(directory, 'postgres'), port: 0 });
  const temporalData = path.join(directory, 'temporal');
  const startTemporal = () =>
    startTemporalServer({ cli, dbFile: path.join(temporalData, 'temporal.db'), port: 0, uiPort: null });
  let database: LocalPostgres = await startDatabase();
  let temporal: LocalTemporalServer = await startTemporal();
  await ensureDatabase(database.url('postgres'), 'gitlab');
  await prepareGitlabDatabase(database.url('gitlab'));

  const toPostgres = () => startProxy('127.0.0.1', database.port);
  const toTemporal = () => startProxy('127.0.0.1', Number(temporal.address.split(':')[1]));
  const apiPort = await freePort(0, '127.0.0.1');
  const ways: Cluster['ways'] = {
    'client-api': await startProxy('127.0.0.1', apiPort),
    'api-postgres': await toPostgres(),
    'worker-postgres': await toPostgres(),
    'pooler-postgres': await toPostgres(),
    'api-temporal': await toTemporal(),
    'worker-temporal': await toTemporal(),
  };
  // It tries a server that was away again after a second, and not after 15.
  const behindPooler = withPort(database.url('gitlab'), ways['pooler-postgres'].port);
  const pooler = hasPgBouncer('pooler restart')
    ? await startPgBouncer(behindPooler, 'session', 'server_login_retry = 1')
    : null;
  if (pooler) ways['worker-postgres'].target.port = Number(new URL(pooler.url).port);
  const apiClock = canFakeClocks('clock skew') ? FakeClock.at(0, path.join(directory, 'api-clock')) : null;
  const part = async (name: 'api' | 'worker', more: Record<string, string> = {}) => {
    const DATA_DIR = path.join(directory, name);
    await mkdir(DATA_DIR);
    const GITLAB_DATABASE_URL = withPort(database.url('gitlab'), ways[`${name}-postgres`].port);
    const TEMPORAL_ADDRESS = `127.0.0.1:${ways[`${name}-temporal`].port}`;
    const env = { DATA_DIR, GITLAB_DATABASE_URL, TEMPORAL_ADDRESS, PORT: String(apiPort), LOG_LEVEL: 'warn' };
    return new Supervised({ ...env, ...more }, ['--only', name]);
  };
  const api = await part('api', apiClock?.environment);
  const worker = await part('worker');
  await eventually(async () => api.isUp && worker.isUp, 'API and worker are up', 60_000);

  const aim = (port: number, ...names: Way[]) => names.forEach((name) => (ways[name].target.port = port));
  return {
    ways,
    api,
    worker,
    databaseUrl: () => database.url('gitlab'),
    temporalAddress: () => temporal.address,
    apiUrl: `http://127.0.0.1:${ways['client-api'].port}`,
    apiDataDir: path.join(directory, 'api'),
    apiClock,
    postgres: {
      stop: () => database.stop(),
      kill: async () => killIfAlive(database.pid),
      start: async () => {
        database = await untilItStarts(startDatabase);
        aim(
          database.port,
          'api-postgres',
          'pooler-postgres',
          ...(pooler ? [] : ['worker-postgres' as const]),
        );
      },
    },
    pooler,
    temporal: {
      stop: () => temporal.stop(),
      kill: async () => killIfAlive(temporal.pid),
      start: async () => {
        temporal = await untilItStarts(startTemporal);
        aim(Number(temporal.address.split(':')[1]), 'api-temporal', 'worker-temporal');
      },
      wipe: () => rm(temporalData, { recursive: true }),
      operate: (...args) => {
        const where = ['--namespace', NAMESPACE, '--address', temporal.address];
        return promisify(execFile)(cli, ['operator', ...args, ...where], { env: {} }).then(
          () => true,
          () => false,
        );
      },
    },
    describe: async () => {
      const readiness = await fetch(`http://127.0.0.1:${apiPort}/-/readiness`)
        .then((answer) => answer.text())
        .catch((error: unknown) => String(error));
      return [`API: ${readiness}`, api.describe(), worker.describe()].join('\n');
    },
    stop: async () => {
      await Promise.all([api.stop(), worker.stop()]);
      await pooler?.stop();
      await Promise.all(Object.values(ways).map((way) => way.close()));
      await temporal.stop();
      await database.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** After a kill, children of the killed server may hold its files for a moment. */
async function untilItStarts<T>(start: () => Promise<T>): Promise<T> {
  return eventually(() => start().catch(() => null), 'a server starts again', 60_000);
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it is gone already
  }
}
