import path from 'node:path';
import { runner } from 'node-pg-migrate';
import { Client } from 'pg';

const MIGRATIONS = path.join(__dirname, '../../sql/provisioning');

// An arbitrary number that only this service uses in the database.
const LOCK = 5_072_910;

/**
 * Brings the schema `provisioning` of the GitLab database up to date. Waits for other processes that do the
 * same. GitLab's own tables are never touched.
 * @returns the names of the migrations that were applied now
 */
export async function migrateProvisioning(url: string): Promise<string[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // the query that is running reports it
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const applied = await runner({
      dbClient: client,
      dir: MIGRATIONS,
      direction: 'up',
      schema: 'provisioning',
      createSchema: true,
      migrationsTable: 'migrations',
      migrationsSchema: 'provisioning',
      createMigrationsSchema: true,
      noLock: true, // its lock refuses a second process instead of making it wait
      log: () => undefined,
    });
    return applied.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
