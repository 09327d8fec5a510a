import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import express from 'express';
import { Client } from 'pg';
import { migrateProvisioning } from '../src/db/migrate';
import { loadSigningKeys } from '../src/issuer/keys';
import { createIssuerRouter } from '../src/issuer/router';
import { signToken } from '../src/issuer/token';
import { ensureDatabase } from '../src/local/ensureDatabase';
import { prepareGitlabDatabase } from '../src/local/gitlabDatabase';
import { startPostgres } from '../src/local/postgres';
import { NAMESPACES } from './load/syncs';
import { startOnPostgres, startOnSqlite, type Backend, type TemporalServer } from './temporalServers';

/** What the contenders share: one PostgreSQL with a database for each, Temporal, the issuer of tokens. */
export interface Servers {
  /** For files of this run; removed at the end. */
  directory: string;
  postgresPid: number;
  databaseUrl(name: string): string;
  /** Makes a contender's database, with its namespaces. @returns its URL */
  createDatabase(name: string): Promise<string>;
  temporal: Partial<Record<Backend, TemporalServer>>;
  issuerUrl: string;
  token(): Promise<string>;
  stop(): Promise<void>;
}

const TEMPLATE = 'template_gitlab';

/**
 * Starts everything. PostgreSQL keeps its own settings: fsync and synchronous_commit are on.
 * @param namespaces the Temporal servers to start, and the Temporal namespaces that each is to have
 */
export async function startServers(namespaces: Partial<Record<Backend, string[]>>): Promise<Servers> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'provisioner-bench-'));
  const running: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of running.splice(0).toReversed()) await end();
  };
  try {
    const postgres = await startPostgres({
      dataDir: path.join(directory, 'postgres'),
      port: 0,
      settings: { max_connections: '300' },
    });
    running.push(() => postgres.stop());
    const temporal: Servers['temporal'] = {};
    if (namespaces.sqlite) {
      temporal.sqlite = await startOnSqlite(directory, namespaces.sqlite);
      running.push(temporal.sqlite.stop);
    }
    if (namespaces.postgres) {
      temporal.postgres = await startOnPostgres(directory, postgres.url('postgres'), namespaces.postgres);
      running.push(temporal.postgres.stop);
    }
    const issuer = await startIssuer(directory);
    running.push(() => issuer.stop());

    await ensureDatabase(postgres.url('postgres'), TEMPLATE);
    await fillTemplate(postgres.url(TEMPLATE));
    return {
      directory,
      postgresPid: postgres.pid,
      databaseUrl: (name) => postgres.url(name),
      createDatabase: async (name) => {
        await execute(postgres.url('postgres'), `CREATE DATABASE "${name}" TEMPLATE ${TEMPLATE}`);
        return postgres.url(name);
      },
      temporal,
      issuerUrl: issuer.url,
      token: issuer.token,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs statements whose answer does not matter, each by itself. */
export async function execute(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.end();
  }
}

async function fillTemplate(url: string): Promise<void> {
  await prepareGitlabDatabase(url);
  await migrateProvisioning(url, () => undefined);
  const { first, count } = NAMESPACES;
  await execute(
    url,
    `WITH made AS (
       INSERT INTO namespaces (id, name, path, type, organization_id)
       SELECT id, 'Group ' || id, 'group-' || id, 'Group', 1
       FROM generate_series(${first}, ${first + count - 1}) AS id RETURNING id)
     INSERT INTO namespace_settings (namespace_id, created_at, updated_at) SELECT id, now(), now() FROM made`,
  );
}

/** The portal: the same for all contenders. */
async function startIssuer(directory: string) {
  const keys = await loadSigningKeys(directory);
  let url = '';
  const server = createServer(
    express().use(
      createIssuerRouter(
        () => Promise.resolve(keys),
        () => url,
      ),
    ),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    token: () => signToken(keys, { issuer: url, expiresInSeconds: 3600 }),
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
