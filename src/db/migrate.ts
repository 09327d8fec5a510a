import { readdir } from 'node:fs/promises';
import path from 'node:path';
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
 * @returns the names of the migrations that were applied now
 */
export function migrateProvisioning(url: string): Promise<string[]> {
  return migrate(url, PROVISIONING);
}

/**
 * Applies the migrations that a database lacks. Where it lacks none, nothing is asked of the role but to read their
 * history: services may run under a role that can create nothing. Waits for other processes that do the same.
 * @param alongside more work that takes its turn under the same lock
 * @returns the names of the migrations that were applied now
 */
export async function migrate(
  url: string,
  migrations: Migrations,
  alongside: () => Promise<unknown> = () => Promise.resolve(),
): Promise<string[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // the query that is running reports it
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [migrations.lock]);
    const applied = (await isUpToDate(client, migrations)) ? [] : await apply(client, migrations);
    await alongside();
    return applied;
  } finally {
    await client.end();
  }
}

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
