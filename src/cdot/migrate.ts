import { Logger, runMigrations } from 'graphile-worker';
import { migrations as queueMigrations } from 'graphile-worker/dist/generated/sql';
import { migrate, type Migrations } from '../db/migrate';

const CUSTOMERS_DOT: Migrations = {
  folder: 'customers_dot',
  schema: 'public',
  table: 'gitlab_namespaces_sync_migrations',
  lock: 5_072_911,
  library: {
    isUpToDate: async (client) => {
      const found = await client
        .query<{ count: string }>('SELECT count(*) FROM graphile_worker.migrations')
        .catch(() => null); // it is not there yet, most likely
      return Number(found?.rows[0]?.count) >= Object.keys(queueMigrations).length;
    },
    apply: (pgPool) => runMigrations({ pgPool, logger: new Logger(() => () => undefined) }),
  },
};

/**
 * Brings the tables of syncs and the job queue's schema `graphile_worker` in the customers_dot database up to date.
 * @param onWait gets a line when it waits for another process
 * @returns the names of our migrations that were applied now
 */
export function migrateCustomersDot(url: string, onWait: (line: string) => void): Promise<string[]> {
  return migrate(url, CUSTOMERS_DOT, onWait);
}
