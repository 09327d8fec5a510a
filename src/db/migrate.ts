import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runner } from 'node-pg-migrate';
import { Client } from 'pg';

/** One set of numbered SQL files and where its history is kept. */
export interface Migrations {
  /** A folder of `sql/`. */
  folder: string;
  /** The schema of the tables and of their history; created if missing. */
  schema: string;
  /** The table of the history. */
  table: string;
  /** An arbitrary number that only this set uses in its database. */
  lock: number;
}

const PROVISIONING: Migrations = {
  folder: 'provisioning',
  schema: 'provisioning',
  table: 'migrations',
  lock: 5_072_910,
};

/**
 * Brings the schema `provisioning` of the GitLab database up to date. GitLab's own tables are never touched.
 * @param onWait told when it waits for another process
 * @returns the names of the migrations that were applied now
 */
export function migrateProvisioning(url: string, onWait: (line: string) => void): Promise<string[]> {
  return migrate(url, PROVISIONING, onWait);
}

/**
 * Applies the migrations that a database lacks. Where it lacks none, nothing is asked of the role but to read their
 * history: services may run under a role that can create nothing. Waits for other processes that do the same.
 * @param onWait told when it waits
 * @param waitMs how long at most
 * @returns the names of the migrations that were applied now
 */
export async function migrate(
  url: string,
  migrations: Migrations,
  onWait: (line: string) => void,
  waitMs = 60_000,
): Promise<string[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // the query that is running reports it
  await client.connect();
  try {
    if (await isUpToDate(client, migrations)) return [];
    await lock(client, migrations, onWait, waitMs);
    return (await isUpToDate(client, migrations)) ? [] : await apply(client, migrations);
  } finally {
    await client.end();
  }
}

/** Takes the lock, which ends with the connection. @throws when another session does not give it back in time */
async function lock(
  client: Client,
  { lock, schema }: Migrations,
  onWait: (line: string) => void,
  waitMs: number,
): Promise<void> {
  const since = Date.now();
  for (let isTold = false; ; isTold = true) {
    const { rows } = await client.query<{ is_ours: boolean; holder: number | null }>(LOCK, [lock]);
    if (rows[0]?.is_ours) return;
    const holder = `the migration of schema ${schema} that another session runs (pid ${rows[0]?.holder} of PostgreSQL)`;
    if (!isTold) onWait(`waiting for ${holder}`);
    if (Date.now() - since > waitMs) {
      throw new Error(`${holder} has not ended within ${waitMs / 1000} s: end that session, then try again`);
    }
    await sleep(250);
  }
}

const LOCK = `
  SELECT pg_try_advisory_lock($1) AS is_ours, (
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND classid = 0 AND objid = $1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ) AS holder`;

const folderOf = ({ folder }: Migrations) => path.join(__dirname, '../../sql', folder);

async function isUpToDate(client: Client, migrations: Migrations): Promise<boolean> {
  const files = await readdir(folderOf(migrations));
  // Whatever is wrong, a missing table above all, is for the one who applies them to meet.
  const found = await client
    .query<{ name: string }>(`SELECT name FROM ${migrations.schema}.${migrations.table}`)
    .catch(() => ({ rows: [] }));
  const applied = new Set(found.rows.map(({ name }) => name));
  return files.every((file) => applied.has(path.parse(file).name));
}

async function apply(client: Client, migrations: Migrations): Promise<string[]> {
  const { schema, table } = migrations;
  const applied = await runner({
    dbClient: client,
    dir: folderOf(migrations),
    direction: 'up',
    schema,
    createSchema: true,
    migrationsTable: table,
    migrationsSchema: schema,
    createMigrationsSchema: true,
    noLock: true, // its lock refuses a second process instead of making it wait
    log: () => undefined,
  });
  return applied.map(({ name }) => name);
}
