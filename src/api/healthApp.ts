import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics';
import { liveness, passes, readiness, type HealthCheck, type Warnings } from './health';
import { metricsRoute } from './metricsRoute';
import { requestId } from './requestId';
import { requestLog } from './requestLog';

export interface BareDependencies {
  log: Logger;
  metrics: Metrics;
}

export interface HealthDependencies extends BareDependencies {
  /** What the process cannot work without. */
  checks: Record<string, HealthCheck>;
  /** What is not as it should be, and no reason to be sent no requests. */
  warnings?: Warnings;
  /** Aborted when the process has been told to stop. */
  stopping: AbortSignal;
}

/** What every port serves: liveness. Its requests have ids, and are logged and counted. */
export function createBareApp({ log, metrics }: BareDependencies): Express {
  return express()
    .set('etag', false)
    .use(requestId, requestLog(log, metrics), helmet())
    .get('/-/liveness', liveness);
}

/** What every part serves: liveness, readiness and metrics. A part adds its own routes. */
export function createHealthApp({ log, metrics, checks, warnings, stopping }: HealthDependencies): Express {
  for (const [name, check] of Object.entries(checks)) metrics.checks.set(name, () => passes(check));
  return createBareApp({ log, metrics })
    .get('/-/readiness', readiness({ checks, stopping, ...(warnings && { warnings }) }))
    .get('/-/metrics', metricsRoute(metrics));
}
