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
 * Applies the migrations that a database lacks. Waits for other processes that do the same.
 * @param alongside more work that takes its turn under the same lock
 * @returns the names of the migrations that were applied now
 */
export async function migrate(
  url: string,
  { folder, schema, table, lock }: Migrations,
  alongside: () => Promise<unknown> = () => Promise.resolve(),
): Promise<string[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // the query that is running reports it
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [lock]);
    const applied = await runner({
      dbClient: client,
      dir: path.join(__dirname, '../../sql', folder),
      direction: 'up',
      schema,
      createSchema: true,
      migrationsTable: table,
      migrationsSchema: schema,
      createMigrationsSchema: true,
      noLock: true, // its lock refuses a second process instead of making it wait
      log: () => undefined,
    });
    await alongside();
    return applied.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
