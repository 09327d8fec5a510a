import type { RequestHandler } from 'express';
import type { Metrics } from '../metrics/metrics';

/** `GET /-/metrics`: what this process has counted, in Prometheus' text format. */
export function metricsRoute({ registry, others }: Metrics): RequestHandler {
  return async (_req, res) => {
    const texts = await Promise.all([registry.metrics(), ...others.map((other) => other())]);
    res.type(registry.contentType).send(texts.join('\n'));
  };
}
