import { createApp, type EndpointSide } from '../api/app';
import { createTokenVerifier } from '../api/auth/verifyToken';
import type { HealthCheck } from '../api/health';
import { Turns } from '../api/turns';
import { migrateProvisioning } from '../db/migrate';
import type { Config } from '../config/config';
import type { Usage } from '../db/gitlabCheck';
import { SchemaCache } from '../db/gitlabSchema';
import { createPool } from '../db/pool';
import { PRUNABLE } from '../db/prunable';
import { namesOf } from '../db/prune';
import { tableSizes } from '../db/tableSizes';
import { unreleasedFollowUps } from '../db/unreleased';
import { openSigningKeys } from '../issuer/keys';
import { createIssuerRouter } from '../issuer/router';
import { observeOutbox } from '../metrics/outbox';
import { observeRuns } from '../metrics/runs';
import { observeTableSizes } from '../metrics/tableSizes';
import { TemporalConnection } from '../temporal/connection';
import { EarlyAnswers } from '../temporal/earlyAnswers';
import { runUrl } from '../temporal/links';
import { openRuns, pausedRuns } from '../temporal/openRuns';
import { SearchAttributes } from '../temporal/searchAttributes';
import { listen } from './api';
import { openAuditReader, type AuditReader } from './auditReader';
import type { Cleanups } from './cleanups';
import { graceMs } from './grace';
import type { Servers } from './localServers';
import { installMeasuredRuntime } from './measuredRuntime';
import { openSchemaCheck } from './gitlabSchemaCheck';
import { requireOwnSessions } from './ownSessions';
import type { Part, ServiceOptions } from './parts';
import { orExplain } from './startError';
import { startWorkerPart } from './workerPart';

/** Where the parts `api` and `worker` can be found. */
export interface Provisioning {
  /** Null: the part `api` is not among them. */
  apiUrl: string | null;
  /** Where an API serves its health, its metrics and the audit pages; null: at `apiUrl`. */
  adminUrl: string | null;
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
  await requireOwnSessions('GITLAB_DATABASE_URL', databaseUrl);
  onProgress('migrating schema provisioning');
  await orExplain(
    migrateProvisioning(databaseUrl, onProgress),
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
  const auditReader = parts.includes('api') ? await openAuditReader(config) : null;
  const schemaCheck = await openSchemaCheck(pool, usageOf(config, parts, auditReader), log);
  observeOutbox(metrics, () => unreleasedFollowUps(pool));
  observeTableSizes(metrics, 'provisioner', () => tableSizes(pool, namesOf(PRUNABLE)));

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
  observeRuns(
    metrics,
    () => openRuns(temporal, Date.now()),
    () => pausedRuns(temporal),
  );
  const earlyAnswers = new EarlyAnswers();
  const searchAttributes = new SearchAttributes(temporal, log, metrics.searchAttributesMissing);
  await searchAttributes.untilKnown();
  const checks: Record<string, HealthCheck> = {
    gitlab_database: () => pool.query('SELECT 1'),
    temporal: () => temporal.checkNamespace(),
    gitlab_schema: schemaCheck,
  };
  const warnings = async () => {
    await searchAttributes.ensure();
    return searchAttributes.problems.map((problem) => `search attribute ${problem}`);
  };

  const schema = new SchemaCache(pool);
  const shared = { pool, schema, temporal, searchAttributes, checks, warnings, earlyAnswers };
  const workerUrl = parts.includes('worker') ? await startWorkerPart(options, shared, cleanups) : null;
  if (!parts.includes('api')) return { apiUrl: null, adminUrl: null, workerUrl, uiUrl, auditReader: null };

  const keys = config.subscriptionPortalUrl === null ? openSigningKeys(config.dataDir) : null;
  await keys?.(); // a damaged file is better found now
  const linkTo = (workflowId: string, runId: string) => runUrl(uiUrl, temporal.namespace, workflowId, runId);
  const base = { log, metrics };
  const audit = auditReader && { pool, schema, reader: auditReader, runUrl: linkTo };
  const operations = { checks, warnings, stopping, audit };
  const address = { host: config.host, stopping, onProgress };
  const endpointAt = (url: string): EndpointSide => ({
    pool,
    metrics,
    trace: tracing?.request ?? null,
    waitMs: config.waitMs,
    verifyToken: createTokenVerifier({ portalUrl: config.subscriptionPortalUrl ?? url }),
    runner: { temporal, searchAttributes, pool, turns: new Turns(), earlyAnswers },
    runUrl: linkTo,
    ...(keys && { issuer: createIssuerRouter(keys, () => url) }),
  });
  // Before the endpoint's port, so that it is there for as long as that one.
  const admin =
    config.adminPort === null
      ? null
      : await listen({ ...address, name: "the API's admin side", port: config.adminPort }, () =>
          createApp(base, { operations }),
        );
  if (admin) cleanups.add(() => admin.stop(graceMs(config)));
  const api = await listen({ ...address, name: 'API', port: config.port }, (url) =>
    createApp(base, { endpoint: endpointAt(url), ...(!admin && { operations }) }),
  );
  cleanups.add(() => api.stop(graceMs(config)));
  return { apiUrl: api.url, adminUrl: admin?.url ?? null, workerUrl, uiUrl, auditReader };
}

function usageOf(config: Config, parts: readonly Part[], auditReader: AuditReader | null): Usage {
  return {
    writes: parts.includes('worker'),
    audits: auditReader !== null,
    hasCi: config.gitlabCiDatabaseUrl === null,
  };
}
