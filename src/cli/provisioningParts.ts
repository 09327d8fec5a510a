import { createApp } from '../api/app';
import { createTokenVerifier } from '../api/auth/verifyToken';
import type { HealthCheck } from '../api/health';
import { Turns } from '../api/turns';
import { migrateProvisioning } from '../db/migrate';
import { createPool } from '../db/pool';
import { openSigningKeys } from '../issuer/keys';
import { createIssuerRouter } from '../issuer/router';
import { TemporalConnection } from '../temporal/connection';
import { EarlyAnswers } from '../temporal/earlyAnswers';
import { runUrl } from '../temporal/links';
import { SearchAttributes } from '../temporal/searchAttributes';
import { listen } from './api';
import { openAuditReader, type AuditReader } from './auditReader';
import type { Cleanups } from './cleanups';
import { graceMs } from './grace';
import type { Servers } from './localServers';
import { installMeasuredRuntime } from './measuredRuntime';
import type { ServiceOptions } from './parts';
import { orExplain } from './startError';
import { startWorkerPart } from './workerPart';

/** Where the parts `api` and `worker` can be found. */
export interface Provisioning {
  /** Null: the part `api` is not among them. */
  apiUrl: string | null;
  /** Where a worker without an API serves its health; else null. */
  workerUrl: string | null;
  uiUrl: string;
  /** Null: the audit pages are not served. */
  auditReader: AuditReader | null;
}

/** Starts the parts `api` and `worker`, on GitLab's database and Temporal. */
export async function startProvisioning(
  options: ServiceOptions,
  servers: Servers,
  cleanups: Cleanups,
): Promise<Provisioning> {
  const { config, parts, log, metrics, tracing, stopping, onProgress } = options;
  const databaseUrl = await servers.gitlabDatabase();
  const { uiUrl, connectionOptions, namespace } = await servers.temporal();
  onProgress('migrating schema provisioning');
  await orExplain(
    migrateProvisioning(databaseUrl),
    'GITLAB_DATABASE_URL cannot be used, or its role may not bring the schema provisioning up to date (run "provisioner migrate" as one that may)',
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
  const interceptors = tracing?.client ?? null;
  const temporal = await orExplain(
    TemporalConnection.open({ options: connectionOptions, namespace, interceptors }),
    `TEMPORAL_ADDRESS: no Temporal answers at ${connectionOptions.address}`,
  );
  cleanups.add(() => temporal.close());
  await orExplain(
    temporal.checkNamespace(),
    `TEMPORAL_NAMESPACE: ${namespace} cannot be used at ${connectionOptions.address} ("temporal operator namespace create -n ${namespace}" makes a missing one)`,
  );
  const earlyAnswers = new EarlyAnswers();
  const searchAttributes = new SearchAttributes(temporal, log, metrics.searchAttributesMissing);
  await searchAttributes.untilKnown();
  const checks: Record<string, HealthCheck> = {
    gitlab_database: () => pool.query('SELECT 1'),
    temporal: () => temporal.checkNamespace(),
  };
  const warnings = async () => {
    await searchAttributes.ensure();
    return searchAttributes.problems.map((problem) => `search attribute ${problem}`);
  };

  const shared = { pool, temporal, searchAttributes, checks, warnings, earlyAnswers };
  const workerUrl = parts.includes('worker') ? await startWorkerPart(options, shared, cleanups) : null;
  if (!parts.includes('api')) return { apiUrl: null, workerUrl, uiUrl, auditReader: null };

  const keys = config.subscriptionPortalUrl === null ? openSigningKeys(config.dataDir) : null;
  await keys?.(); // a damaged file is better found now
  const auditReader = await openAuditReader(config);
  const address = { name: 'API', host: config.host, port: config.port, stopping, onProgress };
  const api = await listen(address, (url) =>
    createApp({
      pool,
      log,
      metrics,
      checks,
      warnings,
      stopping,
      trace: tracing?.request ?? null,
      waitMs: config.waitMs,
      verifyToken: createTokenVerifier({ portalUrl: config.subscriptionPortalUrl ?? url }),
      runner: { temporal, searchAttributes, pool, turns: new Turns(), earlyAnswers },
      runUrl: (workflowId, runId) => runUrl(uiUrl, temporal.namespace, workflowId, runId),
      ...(auditReader && { auditReader }),
      ...(keys && { issuer: createIssuerRouter(keys, () => url) }),
    }),
  );
  cleanups.add(() => api.stop(graceMs(config)));
  return { apiUrl: api.url, workerUrl, uiUrl, auditReader };
}
