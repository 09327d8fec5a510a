import { createApp, type EndpointSide } from '../api/app';
import { createTokenVerifier } from '../api/auth/verifyToken';
import type { HealthCheck } from '../api/health';
import { Turns } from '../api/turns';
import type { Logger } from 'pino';
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
import { startOnFreePorts } from '../local/ports';
import type { Metrics } from '../metrics/metrics';
import { observeOutbox, observeRuns } from '../metrics/observed';
import { observeTableSizes } from '../metrics/tableSizes';
import { installRuntime, TemporalConnection } from '../worker/connection';
import { EarlyAnswers } from '../worker/earlyAnswers';
import { runUrl } from '../worker/links';
import { openRuns, pausedRuns } from '../worker/openRuns';
import { SearchAttributes } from '../worker/searchAttributes';
import { serve } from './api';
import { openAuditReader, type KnownReader } from './auditReader';
import type { Cleanups } from './ending';
import type { Servers } from './localServers';
import { openSchemaCheck } from './gitlabSchemaCheck';
import { requireOwnSessions } from './databases';
import type { Part, ServiceOptions } from './parts';
import { explain } from './startError';
import { startWorkerPart } from './workerPart';

/** Where the parts `api` and `worker` can be found. */
export interface Provisioning {
  /** Null: the part `api` is not among them. */
  apiUrl: string | null;
  /** Where an API serves its health, its metrics and the audit pages; null: at `apiUrl`. */
  adminUrl: string | null;
  /** Where a worker without an API serves its health; else null. */
  workerUrl: string | null;
  /** Null: neither part runs. */
  uiUrl: string | null;
  /** Who may read the audit pages; null: they are not served. */
  auditReader: KnownReader | null;
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
  await explain(
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
  const temporal = await explain(
    TemporalConnection.open({ options: connectionOptions, namespace, interceptors }),
    `TEMPORAL_ADDRESS: no Temporal answers at ${connectionOptions.address} (start that server, correct it, or unset it for a local one)`,
  );
  cleanups.add(() => temporal.close());
  await explain(
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
  await keys?.(); // finds a damaged file at the start
  const linkTo = (workflowId: string, runId: string) => runUrl(uiUrl, temporal.namespace, workflowId, runId);
  const base = { log, metrics };
  const audit = auditReader && { pool, schema, reader: auditReader, runUrl: linkTo };
  const operations = { checks, warnings, stopping, audit };
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
  // Opened before the endpoint's port and closed after it.
  const adminUrl =
    config.adminPort === null
      ? null
      : await serve(options, { name: "the API's admin side", port: config.adminPort }, cleanups, () =>
          createApp(base, { operations }),
        );
  const apiUrl = await serve(options, { name: 'API', port: config.port }, cleanups, (url) =>
    createApp(base, { endpoint: endpointAt(url), ...(adminUrl === null && { operations }) }),
  );
  return { apiUrl, adminUrl, workerUrl, uiUrl, auditReader };
}

function usageOf(config: Config, parts: readonly Part[], auditReader: KnownReader | null): Usage {
  return {
    writes: parts.includes('worker'),
    audits: auditReader !== null,
    hasCi: config.gitlabCiDatabaseUrl === null,
  };
}

const LOOPBACK = '127.0.0.1';

/** Installs Temporal's SDK. It serves its own metrics on a free loopback port; `/-/metrics` passes them on. */
async function installMeasuredRuntime(log: Logger, metrics: Metrics): Promise<void> {
  const address = await startOnFreePorts([0], LOOPBACK, ([port]) => {
    const free = `${LOOPBACK}:${port}`;
    installRuntime(log, free);
    return Promise.resolve(free);
  });
  metrics.others.push(() =>
    fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(2_000) }).then(
      (answer) => answer.text(),
      () => '', // without them, ours are still served
    ),
  );
}
