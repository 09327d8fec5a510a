import type { Pool } from 'pg';
import { migrateCustomersDot } from '../cdot/migrate';
import { ConfigError, type Config } from '../config/config';
import { findNamespace } from '../db/namespaces';
import { createPool } from '../db/pool';
import { isSessionShared } from '../db/pooler';
import { run } from '../db/statement';
import { fitsInt8, isPrimaryKey } from '../domain/ids';
import { findRuntime } from './runtimeFile';
import { explain, StartError } from './startError';
import type { Terminal } from './terminal';

/** Opens a database for `work` and closes it afterwards. */
export async function withPool<T>(url: string, work: (pool: Pool) => Promise<T>): Promise<T> {
  // A query reports its own error; one of an idle connection does not matter to a command.
  const pool = createPool({ url, applicationName: 'provisioner', max: 2, onError: () => undefined });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/**
 * Refuses a database behind a pooler that gives sessions to others between transactions.
 * @param variable that names the database
 * @throws StartError
 */
export async function requireOwnSessions(variable: string, url: string): Promise<void> {
  const isShared = await withPool(url, (pool) =>
    explain(isSessionShared(pool), `${variable} cannot be used (start that server, or correct it)`),
  );
  if (!isShared) return;
  throw new StartError(
    `${variable} leads through a pooler in transaction mode: use its session mode, or PostgreSQL itself, as the ` +
      'service needs sessions of its own',
  );
}

/** Opens one of GitLab's databases for `work`. @throws StartError when it cannot be used */
export async function withGitlabDatabase<T>(
  variable: string,
  url: string,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  await requireOwnSessions(variable, url);
  return withPool(url, (pool) => explain(work(pool), `${variable} cannot be used`));
}

/** GitLab's database: the configured one, or that of the service that runs on DATA_DIR; null: there is neither. */
export async function findGitlabUrl({ gitlabDatabaseUrl, dataDir }: Config): Promise<string | null> {
  return gitlabDatabaseUrl ?? (await findRuntime(dataDir)).gitlabDatabaseUrl;
}

/** The database is neither configured nor run here. @param variable that would name it */
export function notConfigured(variable: string): ConfigError {
  return new ConfigError(`${variable} is not set and no service runs here: set it, or run "npm start" first`);
}

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
  if (url === null) throw notConfigured('CUSTOMERS_DOT_DATABASE_URL');
  const migrated = migrateCustomersDot(url, terminal.progress);
  await explain(migrated, 'CUSTOMERS_DOT_DATABASE_URL cannot be used');
  return withPool(url, work);
}

/**
 * The id of a namespace that is given by its id or its full path. A path is looked up in GitLab's database.
 * @throws ConfigError when there is none of that path, or no database to look into
 */
export async function findNamespaceId(config: Config, idOrPath: string): Promise<string> {
  if (isPrimaryKey(idOrPath)) {
    if (fitsInt8(idOrPath)) return BigInt(idOrPath).toString();
    throw new ConfigError(`${idOrPath} is no id of a namespace: it is too large`);
  }
  const url = await findGitlabUrl(config);
  if (url === null) {
    throw new ConfigError(
      `${idOrPath} cannot be looked up: GITLAB_DATABASE_URL is not set and no service runs here. Use the id`,
    );
  }
  const lookUp = findNamespace(idOrPath);
  const found =
    lookUp &&
    (await withPool(url, (pool) => explain(run(pool, lookUp), 'GITLAB_DATABASE_URL cannot be used')));
  if (found === null) throw new ConfigError(`There is no namespace ${idOrPath}`);
  return found.id;
}
