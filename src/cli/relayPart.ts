import { createHealthApp } from '../api/healthApp';
import type { Config } from '../config/config';
import { migrateProvisioning } from '../db/migrate';
import { createPool } from '../db/pool';
import { undelivered } from '../db/undelivered';
import { observeDeliveries } from '../metrics/deliveries';
import { formsOf, gaps } from '../relay/events';
import { startRelay } from '../relay/part';
import { sidekiqSink } from '../relay/sidekiq';
import type { Sink } from '../relay/sink';
import { webhookSink } from '../relay/webhook';
import { serve } from './api';
import { requireOwnSessions } from './databases';
import type { Cleanups } from './ending';
import type { Servers } from './localServers';
import type { ServiceOptions } from './parts';
import { explain } from './startError';

/**
 * Starts the part `relay`, and an HTTP server for its health and metrics.
 * @returns the HTTP server's address
 */
export async function startRelayPart(
  options: ServiceOptions,
  servers: Servers,
  cleanups: Cleanups,
): Promise<string> {
  const { config, log, metrics, stopping, onProgress } = options;
  const databaseUrl = await servers.gitlabDatabase();
  await requireOwnSessions('GITLAB_DATABASE_URL', databaseUrl);
  await explain(
    migrateProvisioning(databaseUrl, onProgress),
    'GITLAB_DATABASE_URL cannot be used, or its role may not bring the schema provisioning up to date (run "provisioner migrate" as one that may)',
  );
  onProgress('starting the relay');
  const sinks = sinksOf(config);
  const names = sinks.map(({ name }) => name);
  for (const line of gaps(names)) onProgress(line);
  const pool = createPool({
    url: databaseUrl,
    applicationName: 'provisioner relay',
    max: 4,
    onError: (error) => log.warn({ err: error }, 'a database connection broke'),
  });
  cleanups.add(() => pool.end());
  metrics.pools.set('relay', pool);
  observeDeliveries(metrics, () => undelivered(pool, formsOf(names)));
  const { outboxRetryBaseMs: retryBaseMs, outboxMaxAttempts: maxAttempts } = config;
  const relay = await explain(
    startRelay({ databaseUrl, pool, log, metrics, sinks, retryBaseMs, maxAttempts }),
    'GITLAB_DATABASE_URL: the role may not use the outbox (run deploy/sql/gitlab.sql as the owner of the tables)',
  );
  cleanups.add(() => relay.stop());
  const checks = { gitlab_database: () => pool.query('SELECT 1') };
  const warnings = () => Promise.resolve(relay.troubles());
  const address = { name: 'the relay', port: config.relayPort };
  return serve(options, address, cleanups, () =>
    createHealthApp({ log, metrics, checks, warnings, stopping }),
  );
}

/** The sinks that are set. None connects before it has something to deliver. */
export function sinksOf({
  sidekiqRedisUrl,
  sidekiqQueue,
  webhook,
}: Pick<Config, 'sidekiqRedisUrl' | 'sidekiqQueue' | 'webhook'>): Sink[] {
  return [
    ...(sidekiqRedisUrl === null ? [] : [sidekiqSink(sidekiqRedisUrl, sidekiqQueue)]),
    ...(webhook === null ? [] : [webhookSink(webhook.url, webhook.secret)]),
  ];
}
