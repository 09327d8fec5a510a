import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { loadConfig } from '../src/config/config';
import { commandOutput } from '../src/local/watchedProcess';
import { temporalCli } from '../src/local/temporalCli';
import { startTemporalServer } from '../src/local/temporalServer';

/** Where Temporal keeps its data: the dev server in a file, a server as in production in PostgreSQL. */
export const BACKENDS = ['sqlite', 'postgres'] as const;
export type Backend = (typeof BACKENDS)[number];

/** A Temporal server that answers. */
export interface TemporalServer {
  address: string;
  /** Empty: it is not ours, so what it costs is not known. */
  pids: number[];
  stop(): Promise<void>;
}

const { cacheDir } = loadConfig(process.env);
const SCRIPT = path.join(__dirname, '../scripts/temporalOnPostgres.mjs');

/** A server that is given is taken for one on PostgreSQL; else there must be one that was built before. */
export function isOnPostgresPossible(): boolean {
  return process.env['TEMPORAL_ADDRESS'] !== undefined || (existsSync(SCRIPT) && isBuilt());
}

function isBuilt(): boolean {
  return existsSync(cacheDir) && readdirSync(cacheDir).some((name) => name.startsWith('temporal-server-'));
}

/** Starts the dev server, with the settings that `npm start` gives it. */
export async function startOnSqlite(directory: string, namespaces: string[]): Promise<TemporalServer> {
  const cli = await temporalCli({ cacheDir, env: process.env });
  const dbFile = path.join(directory, 'temporal.db');
  const server = await startTemporalServer({ cli, dbFile, port: 0, uiPort: null, namespaces });
  return { address: server.address, pids: [server.pid], stop: server.stop };
}

/** Starts a server on PostgreSQL, or takes the one that TEMPORAL_ADDRESS names. */
export async function startOnPostgres(
  directory: string,
  postgresUrl: string,
  namespaces: string[],
): Promise<TemporalServer> {
  const given = process.env['TEMPORAL_ADDRESS'];
  if (given !== undefined) {
    await createNamespaces(given, namespaces);
    return { address: given, pids: [], stop: () => Promise.resolve() };
  }
  const dataDir = path.join(directory, 'temporal-on-postgres');
  const names = namespaces.flatMap((name) => ['--namespace', name]);
  const child = spawn(
    process.execPath,
    [SCRIPT, '--postgres', postgresUrl, '--data-dir', dataDir, ...names],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const address = (async () => {
    for await (const line of createInterface(child.stdout)) {
      const [, found] = /^TEMPORAL_ADDRESS=(.+)$/.exec(line) ?? [];
      if (found !== undefined) return found;
    }
    throw new Error('the Temporal server on PostgreSQL did not start');
  })();
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { address: await address, pids: [child.pid ?? 0], stop };
}

async function createNamespaces(address: string, namespaces: string[]): Promise<void> {
  const cli = await temporalCli({ cacheDir, env: process.env });
  for (const name of namespaces) {
    const create = [
      'operator',
      'namespace',
      'create',
      '-n',
      name,
      '--address',
      address,
      '--retention',
      '24h',
    ];
    await commandOutput(cli, create, process.env, 10_000).catch((error: Error) => {
      if (!error.message.includes('already exists')) throw error;
    });
  }
}
