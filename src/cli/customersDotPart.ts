import { createHealthApp } from '../api/healthApp';
import { deliver } from '../cdot/deliver';
import { migrateCustomersDot } from '../cdot/migrate';
import { PRUNABLE } from '../cdot/prunable';
import { queueState } from '../cdot/queue';
import { startQueueWorker } from '../cdot/queueWorker';
import { createPool } from '../db/pool';
import { namesOf } from '../db/prune';
import { tableSizes } from '../db/tableSizes';
import { openSigningKeys, signingSince } from '../issuer/keys';
import { createIssuerRouter } from '../issuer/router';
import { signToken } from '../issuer/token';
import { observeQueue, observeSigningKey } from '../metrics/observed';
import { observeTableSizes } from '../metrics/tableSizes';
import { serve } from './api';
import { requireOwnSessions } from './databases';
import type { Cleanups } from './ending';
import type { Servers } from './localServers';
import type { ServiceOptions } from './parts';
import { findRuntime } from './runtimeFile';
import { explain } from './startError';

// An API that uses up its wait still has to send its answer.
const BEYOND_THE_WAIT_MS = 5_000;

/**
 * Starts the part `cdot`: CustomersDot's background worker (contract 6), and an HTTP server for its health and its public
 * keys.
 * @param apiUrl the API of this process, if it runs one
 * @returns the HTTP server's address
 */
export async function startCustomersDotPart(
  options: ServiceOptions,
  servers: Servers,
  apiUrl: string | null,
  cleanups: Cleanups,
): Promise<string> {
  const { config, log, metrics, stopping, onProgress } = options;
  const { subscriptionPortalUrl, customersDotConcurrency: concurrency } = config;
  const keys = openSigningKeys(config.dataDir);
  await keys(); // finds a damaged file at the start
  observeSigningKey(metrics, async () => Date.now() - (await signingSince(config.dataDir)));
  const url = await servers.customersDotDatabase();
  await requireOwnSessions('CUSTOMERS_DOT_DATABASE_URL', url);
  onProgress("starting CustomersDot's worker");
  await explain(
    migrateCustomersDot(url, onProgress),
    'CUSTOMERS_DOT_DATABASE_URL cannot be used, or its role may not bring its tables up to date (run "provisioner migrate" as one that may)',
  );
  const pool = createPool({
    url,
    applicationName: 'provisioner cdot',
    max: concurrency + 5, // one listens, some do the housekeeping
    onError: (error) => log.warn({ err: error }, 'a database connection broke'),
  });
  cleanups.add(() => pool.end());
  metrics.pools.set('customers_dot', pool);
  observeQueue(metrics, () => queueState(pool));
  observeTableSizes(metrics, 'provisioner_customers_dot', () => tableSizes(pool, namesOf(PRUNABLE)));

  // Looked up for each request: an API on the same data directory may start later, or restart elsewhere.
  const findApi = async () => {
    const found = config.provisionApiUrl ?? apiUrl ?? (await findRuntime(config.dataDir)).apiUrl;
    return found === null ? null : { url: found, issuer: subscriptionPortalUrl ?? found };
  };
  const delivering = {
    pool,
    log,
    metrics,
    sender: {
      api: findApi,
      sign: async (issuer: string) => signToken(await keys(), { issuer }),
      timeoutMs: config.waitMs + BEYOND_THE_WAIT_MS,
    },
    backoff: { baseMs: config.customersDotRetryBaseMs, random: Math.random },
    maxTries: config.customersDotMaxAttempts,
    now: Date.now,
  };
  const worker = startQueueWorker({
    ...{ url, pool, log, metrics, concurrency },
    work: (delivery, job) => deliver(delivering, delivery, job),
  });
  cleanups.add(() => worker.stop());
  const checks = {
    customers_dot_database: () => pool.query('SELECT 1'),
    queue_worker: () =>
      worker.isRunning() ? Promise.resolve() : Promise.reject(new Error('the queue worker does not run')),
  };
  const address = { name: "CustomersDot's side", port: config.customersDotPort };
  return serve(options, address, cleanups, (own) =>
    createHealthApp({ log, metrics, checks, stopping }).use(
      createIssuerRouter(keys, () => subscriptionPortalUrl ?? own),
    ),
  );
}
