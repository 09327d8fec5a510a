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
import { listen } from './api';
import type { Cleanups } from './cleanups';
import { graceMs } from './grace';
import type { Servers } from './localServers';
import { requireOwnSessions } from './ownSessions';
import type { ServiceOptions } from './parts';
import { orExplain } from './startError';

/**
 * Starts the part `relay`, and an HTTP server for its health and metrics.
 * @returns the HTTP server's address
 */
export async function startRelayPart(
  { config, log, metrics, stopping, onProgress }: ServiceOptions,
  servers: Servers,
  cleanups: Cleanups,
): Promise<string> {
  const databaseUrl = await servers.gitlabDatabase();
  await requireOwnSessions('GITLAB_DATABASE_URL', databaseUrl);
  await orExplain(
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
  const { retryBaseMs, maxAttempts, port } = config.relay;
  const relay = await orExplain(
    startRelay({ databaseUrl, pool, log, metrics, sinks, retryBaseMs, maxAttempts }),
    'GITLAB_DATABASE_URL: the role may not use the outbox (run deploy/sql/gitlab.sql as the owner of the tables)',
  );
  cleanups.add(() => relay.stop());
  const address = { name: 'the relay', host: config.host, port, stopping, onProgress };
  const checks = { gitlab_database: () => pool.query('SELECT 1') };
  const warnings = () => Promise.resolve(relay.troubles());
  const server = await listen(address, () => createHealthApp({ log, metrics, checks, warnings, stopping }));
  cleanups.add(() => server.stop(graceMs(config)));
  return server.url;
}

/** The sinks that are set. None connects before it has something to deliver. */
export function sinksOf({ relay: { sidekiq, webhook } }: Pick<Config, 'relay'>): Sink[] {
  return [
    ...(sidekiq === null ? [] : [sidekiqSink(sidekiq.redisUrl, sidekiq.queue)]),
    ...(webhook === null ? [] : [webhookSink(webhook.url, webhook.secret)]),
  ];
}
