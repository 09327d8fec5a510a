import type { Pool } from 'pg';
import { migrateCustomersDot } from '../cdot/migrate';
import { ConfigError, type Config } from '../config/config';
import { createPool } from '../db/pool';
import { findRuntime } from './runtimeFile';
import { orExplain } from './startError';
import type { Terminal } from './terminal';

/**
 * Opens CustomersDot's database for one command, brought up to date: the configured one, or that of the service
 * that runs on DATA_DIR.
 * @throws ConfigError when there is neither
 * @throws StartError when it cannot be used
 */
export async function withCustomersDotDatabase<T>(
  config: Config,
  terminal: Terminal,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const url = config.customersDotDatabaseUrl ?? (await findRuntime(config.dataDir)).customersDotDatabaseUrl;
  if (url === null) {
    throw new ConfigError(
      'CUSTOMERS_DOT_DATABASE_URL is not set and no service runs here: set it, or run "npm start" first',
    );
  }
  await orExplain(migrateCustomersDot(url, terminal.progress), 'CUSTOMERS_DOT_DATABASE_URL cannot be used');
  const pool = createPool({ url, applicationName: 'provisioner', max: 2, onError: () => undefined });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}
