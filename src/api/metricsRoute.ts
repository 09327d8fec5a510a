import type { RequestHandler } from 'express';
import type { Metrics } from '../metrics/metrics';

/** `GET /-/metrics`: what this process has counted, in Prometheus' text format. */
export function metricsRoute({ registry }: Metrics): RequestHandler {
  return async (_req, res) => {
    res.type(registry.contentType).send(await registry.metrics());
  };
}
