import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

/** What this process counts, for `GET /-/metrics` (Prometheus). Labels hold no ids: those are in the log. */
export interface Metrics {
  registry: Registry;
  /** Requests by method, route and status. */
  requests: Counter<'method' | 'route' | 'status'>;
  /** Seconds that requests took. */
  requestDuration: Histogram<'method' | 'route'>;
  /** Syncs answered, by outcome: `success`, `error` or `skipped`. */
  syncs: Counter<'outcome'>;
  /** Runs that ended without an outcome (terminated by a person) and were found by the next sync. */
  unfinishedRuns: Counter;
  /** Compensations by step, and whether rows had to be left as they are. */
  compensations: Counter<'step' | 'result'>;
}

// A sync takes some ten milliseconds; a caller waits ten seconds at most.
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Makes the metrics of one process, its own (`process_…`, `nodejs_…`) among them. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requests: new Counter({
      name: 'provisioner_http_requests_total',
      help: 'Requests answered',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    requestDuration: new Histogram({
      name: 'provisioner_http_request_duration_seconds',
      help: 'Time from request to answer',
      labelNames: ['method', 'route'],
      buckets: BUCKETS,
      registers,
    }),
    syncs: new Counter({
      name: 'provisioner_syncs_total',
      help: 'Syncs answered, refused ones at the door included',
      labelNames: ['outcome'],
      registers,
    }),
    unfinishedRuns: new Counter({
      name: 'provisioner_unfinished_runs_total',
      help: 'Runs without an outcome that the next sync of their namespace found',
      registers,
    }),
    compensations: new Counter({
      name: 'provisioner_compensations_total',
      help: 'Steps that were undone; result kept: rows of another writer were left as they are',
      labelNames: ['step', 'result'],
      registers,
    }),
  };
}
