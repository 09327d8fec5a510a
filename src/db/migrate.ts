import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runner } from 'node-pg-migrate';
import { Client, Pool } from 'pg';

/** One set of numbered migrations and where its history is kept. */
export interface Migrations {
  /** A folder of `sql/`. */
  folder: string;
  /** The schema of the tables and of their history; created if missing. */
  schema: string;
  /** The table of the history. */
  table: string;
  /** An arbitrary number that only this set uses in its database. */
  lock: number;
  /** What a library keeps in the same database, brought up to date after ours, under the same lock. */
  library?: { isUpToDate(client: Client): Promise<boolean>; apply(pool: Pool): Promise<void> };
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
 * Applies the migrations that a database lacks, while the service is at work. Where it lacks none, nothing is asked of
 * the role but to read their history: services may run under a role that can create nothing. Waits for other processes
 * that do the same, and for locks of tables; who waits behind it for one waits a second at most.
 * @param onWait told when it waits
 * @param waitMs how long at most for each
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
    const applied: string[] = [];
    for (const name of await missing(client, migrations)) {
      const what = `migration ${name} of schema ${migrations.schema}`;
      await withRetries(what, () => applyNext(client, migrations), onWait, waitMs);
      applied.push(name);
    }
    if (migrations.library && !(await migrations.library.isUpToDate(client))) {
      await applyLibrary(url, migrations.library, onWait, waitMs);
    }
    return applied;
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
  if ((await missing(client, migrations)).length > 0) return false;
  return migrations.library?.isUpToDate(client) ?? true;
}

/** The names of the migrations that are not applied, in their order. */
async function missing(client: Client, migrations: Migrations): Promise<string[]> {
  const files = await readdir(folderOf(migrations));
  // Whatever is wrong, a missing table above all, is for the one who applies them to meet.
  const found = await client
    .query<{ name: string }>(`SELECT name FROM ${migrations.schema}.${migrations.table}`)
    .catch(() => ({ rows: [] }));
  const applied = new Set(found.rows.map(({ name }) => name));
  const names = files.map((file) => path.parse(file).name).sort();
  return names.filter((name) => !applied.has(name));
}

// Whoever comes after a statement that waits for a lock waits behind it: so it waits for a second, and comes again. A
// migration that takes longer belongs outside of a transaction (sql/concurrentIndex.mjs), and sets limits of its own.
const LIMITS = `SET lock_timeout = '1s'; SET statement_timeout = '30s'`;
const PAUSE_MS = 1_000;

const LOCK_NOT_AVAILABLE = '55P03';
const DEADLOCK = '40P01';

/** @throws when the locks that it needs are held for longer than `waitMs` */
async function withRetries(
  what: string,
  apply: () => Promise<unknown>,
  onWait: (line: string) => void,
  waitMs: number,
): Promise<void> {
  const since = Date.now();
  for (let isTold = false; ; isTold = true) {
    try {
      await apply();
      return;
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code !== LOCK_NOT_AVAILABLE && code !== DEADLOCK) throw error;
      if (Date.now() - since > waitMs) {
        throw new Error(
          `${what} does not get the lock that it needs: end the transaction that holds it (the oldest xact_start ` +
            'of pg_stat_activity), then try again',
          { cause: error },
        );
      }
      if (!isTold) onWait(`${what} waits for a lock, a second at a time`);
      await sleep(PAUSE_MS);
    }
  }
}

/** Applies one migration, in a transaction of its own where it does not refuse one. */
async function applyNext(client: Client, migrations: Migrations): Promise<void> {
  const { schema, table } = migrations;
  await client.query('ROLLBACK'); // what a try before has left
  await client.query(LIMITS);
  await runner({
    dbClient: client,
    dir: folderOf(migrations),
    direction: 'up',
    count: 1,
    schema,
    createSchema: true,
    migrationsTable: table,
    migrationsSchema: schema,
    createMigrationsSchema: true,
    noLock: true, // its lock refuses a second process instead of making it wait
    log: () => undefined,
  });
}

async function applyLibrary(
  url: string,
  library: NonNullable<Migrations['library']>,
  onWait: (line: string) => void,
  waitMs: number,
): Promise<void> {
  // It is awaited, which its type does not say.
  const onConnect = (client: { query(sql: string): Promise<unknown> }) => client.query(LIMITS) as never;
  const pool = new Pool({ connectionString: url, connectionTimeoutMillis: 10_000, max: 2, onConnect });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    await withRetries("the migration of the job queue's schema", () => library.apply(pool), onWait, waitMs);
  } finally {
    await pool.end();
  }
}
