import { randomUUID } from 'node:crypto';
import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { isCorrelationId } from '../domain/ids';
import type { Metrics } from '../metrics/metrics';
import { liveness, passes, readiness, type Health } from './health';
import { requestLog } from './requestLog';

export interface BareDependencies {
  log: Logger;
  metrics: Metrics;
}

/** What every port serves: liveness. Its requests have ids, and are logged and counted. */
export function createBareApp({ log, metrics }: BareDependencies): Express {
  return express()
    .set('etag', false)
    .use(requestId, requestLog(log, metrics), helmet())
    .get('/-/liveness', liveness);
}

/** What every part serves: liveness, readiness and metrics. A part adds its own routes. */
export function createHealthApp({ log, metrics, ...health }: BareDependencies & Health): Express {
  for (const [name, check] of Object.entries(health.checks)) metrics.checks.set(name, () => passes(check));
  return createBareApp({ log, metrics })
    .get('/-/readiness', readiness(health))
    .get('/-/metrics', metricsRoute(metrics));
}

/** Names the request in its answer and in everything that comes of it (contract 2: `X-Request-Id`). */
export const requestId: RequestHandler = (req, res, next) => {
  const sent = req.get('x-request-id');
  const id = isCorrelationId(sent) ? sent : randomUUID();
  res.locals['requestId'] = id;
  res.set('X-Request-Id', id);
  next();
};

/** `GET /-/metrics`: what this process has counted, in Prometheus' text format. */
function metricsRoute({ registry, others }: Metrics): RequestHandler {
  return async (_req, res) => {
    const texts = await Promise.all([registry.metrics(), ...others.map((other) => other())]);
    res.type(registry.contentType).send(texts.join('\n'));
  };
}
