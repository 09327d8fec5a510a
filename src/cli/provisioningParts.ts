import { createActivities } from '../activities';
import { measureActivities } from '../activities/measure';
import { createApp } from '../api/app';
import { createTokenVerifier } from '../api/auth/verifyToken';
import type { HealthCheck } from '../api/health';
import { Turns } from '../api/turns';
import { migrateProvisioning } from '../db/migrate';
import { createPool } from '../db/pool';
import { openSigningKeys } from '../issuer/keys';
import { createIssuerRouter } from '../issuer/router';
import { connect } from '../temporal/connection';
import { runUrl } from '../temporal/links';
import { ensureSearchAttributes } from '../temporal/searchAttributes';
import { startWorker } from '../temporal/worker';
import { listen } from './api';
import type { Cleanups } from './cleanups';
import { graceMs } from './grace';
import type { Servers } from './localServers';
import { installMeasuredRuntime } from './measuredRuntime';
import type { ServiceOptions } from './parts';
import { orExplain } from './startError';

/** Where the parts `api` and `worker` can be found. */
export interface Provisioning {
  /** Null: the part `api` is not among them. */
  apiUrl: string | null;
  uiUrl: string;
}

/** Starts the parts `api` and `worker`, on GitLab's database and Temporal. */
export async function startProvisioning(
  { config, parts, log, metrics, onProgress, onFatal }: ServiceOptions,
  servers: Servers,
  cleanups: Cleanups,
): Promise<Provisioning> {
  const databaseUrl = await servers.gitlabDatabase();
  const { uiUrl, connectionOptions, namespace } = await servers.temporal();
  onProgress('migrating schema provisioning');
  await orExplain(
    migrateProvisioning(databaseUrl),
    'GITLAB_DATABASE_URL cannot be used, or its role may not create the schema provisioning',
  );
  const pool = createPool({
    url: databaseUrl,
    applicationName: `provisioner ${parts.join(',')}`,
    max: 20,
    onError: (error) => log.warn({ err: error }, 'a database connection broke'),
  });
  cleanups.add(() => pool.end());
  metrics.pools.set('gitlab', pool);

  await installMeasuredRuntime(log, metrics);
  const temporal = await orExplain(
    connect(connectionOptions, namespace),
    `TEMPORAL_ADDRESS: no Temporal answers at ${connectionOptions.address}`,
  );
  cleanups.add(() => temporal.connection.close());
  const searchable = await ensureSearchAttributes(temporal, log);
  const checks: Record<string, HealthCheck> = {
    gitlab_database: () => pool.query('SELECT 1'),
    temporal: () =>
      temporal.client.withDeadline(Date.now() + 2_000, () =>
        temporal.client.workflowService.getSystemInfo({}),
      ),
  };

  if (parts.includes('worker')) {
    onProgress('starting the worker');
    const activities = createActivities({
      pool,
      log,
      metrics,
      searchable,
      policy: config.failurePolicy,
      billableMembers: (subscription) => subscription.seats_in_use,
    });
    const worker = await startWorker(temporal, activities, measureActivities(metrics));
    worker.done.catch((error: unknown) => onFatal(`the worker died: ${String(error)}`));
    cleanups.add(() => worker.stop());
    checks['worker'] = () =>
      worker.isRunning() ? Promise.resolve() : Promise.reject(new Error('the worker is not polling'));
  }
  if (!parts.includes('api')) return { apiUrl: null, uiUrl };

  const keys = config.subscriptionPortalUrl === null ? openSigningKeys(config.dataDir) : null;
  await keys?.(); // a damaged file is better found now
  const api = await listen({ name: 'API', host: config.host, port: config.port, onProgress }, (url) =>
    createApp({
      pool,
      log,
      metrics,
      checks,
      waitMs: config.waitMs,
      verifyToken: createTokenVerifier({ portalUrl: config.subscriptionPortalUrl ?? url }),
      runner: { client: temporal.client, turns: new Turns(), searchable },
      runUrl: (workflowId, runId) => runUrl(uiUrl, temporal.namespace, workflowId, runId),
      ...(keys && { issuer: createIssuerRouter(keys, () => url) }),
    }),
  );
  cleanups.add(() => api.stop(graceMs(config)));
  return { apiUrl: api.url, uiUrl };
}
