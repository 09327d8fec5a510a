import { runMigrations } from 'graphile-worker';
import type { Logger } from 'pino';
import { migrate } from '../db/migrate';
import { queueLogger } from './queue';

const CUSTOMERS_DOT = {
  folder: 'customers_dot',
  schema: 'public',
  table: 'gitlab_namespaces_sync_migrations',
  lock: 5_072_911,
};

/**
 * Brings the tables of syncs and the job queue's schema `graphile_worker` in the customers_dot database up to date.
 * @param onWait gets a line when it waits for another process
 * @returns the names of our migrations that were applied now
 */
export async function migrateCustomersDot(
  url: string,
  log: Logger,
  onWait: (line: string) => void,
): Promise<string[]> {
  const applied = await migrate(url, CUSTOMERS_DOT, onWait);
  // It does nothing where it is up to date, and several processes may run it at once.
  await runMigrations({ connectionString: url, maxPoolSize: 2, logger: queueLogger(log) });
  return applied;
}
