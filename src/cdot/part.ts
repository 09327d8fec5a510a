import type { Logger } from 'pino';
import { createPool } from '../db/pool';
import { namesOf } from '../db/prune';
import { tableSizes } from '../db/tableSizes';
import type { SigningKeys } from '../issuer/keys';
import { signToken } from '../issuer/token';
import type { Metrics } from '../metrics/metrics';
import { observeQueue } from '../metrics/queue';
import { observeTableSizes } from '../metrics/tableSizes';
import { deliver } from './deliver';
import { migrateCustomersDot } from './migrate';
import type { ApiAddress } from './post';
import { PRUNABLE } from './prunable';
import { queueState } from './queueState';
import { startQueueWorker } from './queueWorker';

export interface CustomersDotOptions {
  databaseUrl: string;
  log: Logger;
  /** Told what the start waits for. */
  onProgress: (line: string) => void;
  metrics: Metrics;
  keys: () => Promise<SigningKeys>;
  api: () => Promise<ApiAddress | null>;
  /** Namespaces at the same time. */
  concurrency: number;
  /** Null: no limit. */
  maxTries: number | null;
  retryBaseMs: number;
  /** Milliseconds that one request may take. */
  timeoutMs: number;
}

/** CustomersDot's side, at work. */
export interface RunningCustomersDot {
  /** What it cannot work without; each rejects while it is not there. */
  checks: Record<'customers_dot_database' | 'queue_worker', () => Promise<unknown>>;
  stop(): Promise<void>;
}

/** Brings the database up to date and starts the background worker (contract 6). */
export async function startCustomersDot(options: CustomersDotOptions): Promise<RunningCustomersDot> {
  const { databaseUrl, log, onProgress, metrics, keys, api, concurrency, timeoutMs } = options;
  await migrateCustomersDot(databaseUrl, onProgress);
  const pool = createPool({
    url: databaseUrl,
    applicationName: 'provisioner cdot',
    max: concurrency + 5, // one listens, some do the housekeeping
    onError: (error) => log.warn({ err: error }, 'a database connection broke'),
  });
  metrics.pools.set('customers_dot', pool);
  observeQueue(metrics, () => queueState(pool));
  observeTableSizes(metrics, 'provisioner_customers_dot', () => tableSizes(pool, namesOf(PRUNABLE)));
  const delivering = {
    pool,
    log,
    metrics,
    sender: { api, timeoutMs, sign: async (issuer: string) => signToken(await keys(), { issuer }) },
    backoff: { baseMs: options.retryBaseMs, random: Math.random },
    maxTries: options.maxTries,
    now: Date.now,
  };
  const worker = startQueueWorker({
    url: databaseUrl,
    pool,
    log,
    metrics,
    concurrency,
    work: (delivery, job) => deliver(delivering, delivery, job),
  });
  return {
    checks: {
      customers_dot_database: () => pool.query('SELECT 1'),
      queue_worker: () =>
        worker.isRunning() ? Promise.resolve() : Promise.reject(new Error('the queue worker does not run')),
    },
    stop: async () => {
      await worker.stop();
      await pool.end();
    },
  };
}
