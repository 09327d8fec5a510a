import { ConfigError, type Config } from '../config/config';
import { findNamespace } from '../db/namespaces';
import { createPool } from '../db/pool';
import { run } from '../db/statement';
import { fitsInt8, isPrimaryKey } from '../domain/ids';
import { findRuntime } from './runtimeFile';
import { orExplain } from './startError';

/**
 * The id of a namespace that is given by its id or its full path. A path is looked up in GitLab's database: the configured
 * one, or that of the service that runs on DATA_DIR.
 * @throws ConfigError when there is none of that path, or no database to look into
 */
export async function namespaceId(config: Config, idOrPath: string): Promise<string> {
  if (isPrimaryKey(idOrPath)) {
    if (fitsInt8(idOrPath)) return BigInt(idOrPath).toString();
    throw new ConfigError(`${idOrPath} is no id of a namespace: it is too large`);
  }
  const url = config.gitlabDatabaseUrl ?? (await findRuntime(config.dataDir)).gitlabDatabaseUrl;
  if (url === null) {
    throw new ConfigError(
      `${idOrPath} cannot be looked up: GITLAB_DATABASE_URL is not set and no service runs here. Use the id`,
    );
  }
  const lookUp = findNamespace(idOrPath);
  const pool = createPool({ url, applicationName: 'provisioner', max: 1, onError: () => undefined });
  try {
    const found = lookUp && (await orExplain(run(pool, lookUp), 'GITLAB_DATABASE_URL cannot be used'));
    if (found === null) throw new ConfigError(`There is no namespace ${idOrPath}`);
    return found.id;
  } finally {
    await pool.end();
  }
}
