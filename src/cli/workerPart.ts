import type { Pool } from 'pg';
import { createActivities } from '../activities';
import { CiResets } from '../activities/ciResets';
import { nameInLog } from '../activities/nameInLog';
import type { HealthCheck } from '../api/health';
import { createHealthApp } from '../api/healthApp';
import type { SchemaCache } from '../db/gitlabSchema';
import { pendingCiResets } from '../db/ciResets';
import { createPool } from '../db/pool';
import { relayWaker } from '../db/relayWaker';
import { observeCiResets } from '../metrics/observed';
import type { TemporalConnection } from '../worker/connection';
import type { EarlyAnswers } from '../worker/earlyAnswers';
import type { SearchAttributes } from '../worker/searchAttributes';
import type { RunningWorker } from '../worker/worker';
import { keepWorker } from '../worker/workerKeeper';
import { serve } from './api';
import type { Cleanups } from './ending';
import type { ServiceOptions } from './parts';

/** What the parts `api` and `worker` of one process share. */
export interface Shared {
  pool: Pool;
  schema: SchemaCache;
  temporal: TemporalConnection;
  searchAttributes: SearchAttributes;
  checks: Record<string, HealthCheck>;
  warnings: () => Promise<readonly string[]>;
  earlyAnswers: EarlyAnswers;
}

/**
 * Starts the part `worker`. In a process without an API it serves its own health and metrics, which outlive the
 * worker: they can be asked while it drains.
 * @returns the address of these; null when the API of this process has them
 */
export async function startWorkerPart(
  options: ServiceOptions,
  { pool, schema, temporal, searchAttributes, checks, warnings, earlyAnswers }: Shared,
  cleanups: Cleanups,
): Promise<string | null> {
  const { config, parts, log, logContext, metrics, tracing, stopping, onProgress, onFatal } = options;
  let worker: RunningWorker | null = null;
  checks['worker'] = () =>
    worker?.isRunning() ? Promise.resolve() : Promise.reject(new Error('the worker is not polling'));
  let url: string | null = null;
  if (!parts.includes('api')) {
    const address = { name: 'the worker', port: config.workerPort };
    url = await serve(options, address, cleanups, () =>
      createHealthApp({ log, metrics, checks, warnings, stopping }),
    );
  }
  observeCiResets(metrics, () => pendingCiResets(pool));
  onProgress('starting the worker');
  const wakeRelays = relayWaker(pool);
  const activities = createActivities({
    pool,
    schema,
    ciResets: openCiResets(config.gitlabCiDatabaseUrl, { pool, log, metrics }, cleanups),
    log,
    logContext,
    metrics,
    findSearchAttributes: () => searchAttributes.find(),
    policy: config.failurePolicy,
    onAnswer: ({ workflowId, runId }, answer) => {
      earlyAnswers.give(workflowId, runId, answer);
      wakeRelays();
    },
    onFailure: ({ workflowId, runId }) => earlyAnswers.warn(workflowId, runId),
  });
  const settings = { activity: [nameInLog(logContext)], tracing, buildId: config.workerBuildId };
  const started = await keepWorker(temporal, activities, settings, log);
  worker = started;
  started.ended.catch((error: unknown) => onFatal(`the worker died: ${String(error)}`));
  cleanups.add(() => started.stop());
  return url;
}

/** Where GitLab's CI tables are in a database of their own: what writes to it (contract 7). */
function openCiResets(
  url: string | null,
  { pool, log, metrics }: Pick<ServiceOptions, 'log' | 'metrics'> & Pick<Shared, 'pool'>,
  cleanups: Cleanups,
): CiResets | null {
  if (url === null) return null;
  const ciPool = createPool({
    url,
    applicationName: 'provisioner ci',
    max: 2,
    onError: (error) => log.warn({ err: error }, 'a connection to the CI database broke'),
  });
  metrics.pools.set('gitlab_ci', ciPool);
  const resets = new CiResets(pool, ciPool, log);
  cleanups.add(() => ciPool.end());
  cleanups.add(() => resets.stop());
  return resets;
}
