import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { loadConfig } from '../dist/config/config.js';
import { startChild, stopOrphan } from '../dist/local/childProcess.js';
import { commandOutput } from '../dist/local/watchedProcess.js';
import { ensureDatabase } from '../dist/local/database.js';
import { freePort, startOnFreePorts } from '../dist/local/ports.js';
import { startPostgres } from '../dist/local/postgres.js';
import { temporalCli } from '../dist/local/temporalCli.js';
import { DYNAMIC_CONFIG } from '../dist/local/temporalServer.js';

// A Temporal server like those that people run in production: with its data in PostgreSQL. See CONTRIBUTING.md.
const VERSION = 'v1.31.2';
const MODULE = 'go.temporal.io/server/cmd';
const SCHEMAS = { temporal: 'temporal', temporal_visibility: 'visibility' };
const HOST = '127.0.0.1';
const PORTS = {
  ...{ FRONTEND_GRPC_PORT: 7233, FRONTEND_HTTP_PORT: 7243, FRONTEND_MEMBERSHIP_PORT: 6933 },
  ...{ HISTORY_GRPC_PORT: 7234, HISTORY_MEMBERSHIP_PORT: 6934 },
  ...{ MATCHING_GRPC_PORT: 7235, MATCHING_MEMBERSHIP_PORT: 6935 },
  ...{ WORKER_GRPC_PORT: 7239, WORKER_MEMBERSHIP_PORT: 6939 },
};
const STOP_SIGNALS = [{ signal: 'SIGTERM', graceMs: 15_000 }];
const START_TIMEOUT_MS = 60_000;

const { values } = parseArgs({
  options: {
    postgres: { type: 'string' }, // URL of a server; its user may create databases, or both exist
    'data-dir': { type: 'string', default: '.data/temporal-on-postgres' },
    port: { type: 'string', default: '7233' },
    namespace: { type: 'string', multiple: true, default: ['default'] },
  },
});
const dataDir = path.resolve(values['data-dir']);
const { cacheDir, temporalCliPath } = loadConfig(process.env);
const say = (line) => console.error(line);
const stops = [];
const asked = new Promise((resolve) =>
  ['SIGTERM', 'SIGINT'].forEach((signal) => process.on(signal, resolve)),
);

try {
  await Promise.race([run(), asked]);
} catch (error) {
  say(`temporalOnPostgres: ${error.message}`);
  process.exitCode = 1;
} finally {
  for (const stop of stops.toReversed()) await stop();
}

async function run() {
  const binaries = await findOrBuild();
  const cli = await temporalCli({
    cacheDir,
    env: process.env,
    onProgress: say,
    ...(temporalCliPath !== null && { cliPath: temporalCliPath }),
  });
  await mkdir(dataDir, { recursive: true });
  const database = new URL(values.postgres ?? (await embeddedPostgres()));
  for (const [name, schema] of Object.entries(SCHEMAS)) await migrate(binaries.sql, database, name, schema);
  const { address, server } = await startServer(binaries.server, database, cli);
  console.log(`TEMPORAL_ADDRESS=${address}`);
  throw new Error(await server.unexpectedExit);
}

/** The server and its schema tool, built once into the cache folder. */
async function findOrBuild() {
  const directory = path.join(cacheDir, `temporal-server-${VERSION}`);
  if (!existsSync(directory)) {
    say(`building the Temporal server ${VERSION} into ${directory} (some ten minutes, once)`);
    await mkdir(cacheDir, { recursive: true });
    const building = await mkdtemp(path.join(cacheDir, '.build-'));
    stops.push(() => rm(building, { recursive: true, force: true }));
    const install = ['install', `${MODULE}/server@${VERSION}`, `${MODULE}/tools/sql@${VERSION}`];
    await commandOutput('go', install, { ...process.env, GOBIN: building }, 60 * 60_000).catch((error) => {
      throw new Error(`${error.message} (it is built with Go 1.26 or newer, see https://go.dev/dl)`);
    });
    await rename(building, directory);
  }
  return { server: path.join(directory, 'server'), sql: path.join(directory, 'sql') };
}

async function embeddedPostgres() {
  const logFile = path.join(dataDir, 'postgres.log');
  const postgres = await startPostgres({ dataDir: path.join(dataDir, 'postgres'), logFile, onProgress: say });
  stops.push(postgres.stop);
  return postgres.url('postgres');
}

/** Creates a database of Temporal's where it is missing, and brings its tables up to date. */
async function migrate(tool, url, name, schema) {
  await ensureDatabase(url.href, name);
  const env = {
    ...{ SQL_PLUGIN: 'postgres12_pgx', SQL_HOST: url.hostname, SQL_PORT: url.port || '5432' },
    ...{ SQL_USER: url.username, SQL_PASSWORD: decodeURIComponent(url.password), SQL_DATABASE: name },
  };
  const own = new URL(url);
  own.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: own.href });
  await client.connect();
  const { rows } = await client.query(`SELECT to_regclass('schema_version') IS NULL AS "isNew"`);
  await client.end();
  if (rows[0].isNew) await commandOutput(tool, ['setup-schema', '-v', '0.0'], env, START_TIMEOUT_MS);
  const update = ['update-schema', '--schema-name', `postgresql/v12/${schema}`];
  await commandOutput(tool, update, env, START_TIMEOUT_MS);
}

/** Starts all of the server's services in one process, on loopback, and creates the namespaces. */
async function startServer(command, url, cli) {
  const dynamicConfig = path.join(dataDir, 'dynamic-config.yaml');
  const settings = Object.entries(DYNAMIC_CONFIG).map(([key, value]) => [key, [{ value }]]);
  await writeFile(dynamicConfig, JSON.stringify(Object.fromEntries(settings)));
  const pidFile = path.join(dataDir, 'temporal-server.pid');
  await stopOrphan(pidFile, STOP_SIGNALS);
  const preferred = { ...PORTS, FRONTEND_GRPC_PORT: Number(values.port) };
  return startOnFreePorts(await freeSet(Object.values(preferred)), HOST, async (ports) => {
    const server = startChild({
      command,
      args: ['--allow-no-auth', 'start'],
      env: {
        ...{ DB: 'postgres12_pgx', POSTGRES_SEEDS: url.hostname, DB_PORT: url.port || '5432' },
        ...{ POSTGRES_USER: url.username, POSTGRES_PWD: decodeURIComponent(url.password) },
        ...{ DBNAME: 'temporal', VISIBILITY_DBNAME: 'temporal_visibility', NUM_HISTORY_SHARDS: '4' },
        ...{ BIND_ON_IP: HOST, DYNAMIC_CONFIG_FILE_PATH: dynamicConfig, LOG_LEVEL: 'warn' },
        ...Object.fromEntries(Object.keys(preferred).map((name, index) => [name, String(ports[index])])),
      },
      cwd: dataDir,
      pidFile,
      stopSignals: STOP_SIGNALS,
      logFile: path.join(dataDir, 'temporal-server.log'),
    });
    stops.push(server.stop);
    const address = `${HOST}:${ports[0]}`;
    try {
      for (const namespace of values.namespace) await createNamespace(cli, address, server, namespace);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return { server, address };
  });
}

/** The server keeps ports as int2: one that the system picks for a taken one would be too high. */
async function freeSet(preferred) {
  for (const offset of [0, 10_000, 20_000]) {
    const ports = preferred.map((port) => port + offset);
    const free = await Promise.all(ports.map(async (port) => (await freePort(port, HOST)) === port));
    if (free.every(Boolean)) return ports;
  }
  throw new Error(`the ports ${preferred.join(', ')} are taken, and so are those 10000 and 20000 higher`);
}

/** Resolves when the namespace can be used: the server's parts learn of a new one one after the other. */
async function createNamespace(cli, address, server, name) {
  const call = (...args) => commandOutput(cli, [...args, '-n', name, '--address', address], {}, 10_000);
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await call('operator', 'namespace', 'create', '--retention', '8760h').catch((error) => {
        if (!error.message.includes('already exists')) throw error;
      });
      return await call('workflow', 'list', '--limit', '1');
    } catch (error) {
      if (!server.alive() || Date.now() > deadline) {
        throw new Error(`the Temporal server did not start: ${server.lastLines() || error.message}`);
      }
      await sleep(200);
    }
  }
}
