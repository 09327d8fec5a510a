import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { SECTIONS, STEPS } from '../domain/sections';
import { checkGauge, memoryLimitGauge, poolGauges, type PoolUse } from './processGauges';
import { createSli } from './sli';

/** What this process measures, for `GET /-/metrics` (Prometheus). Labels hold no ids: those are in the log. */
export type Metrics = ReturnType<typeof createMetrics>;

// A sync takes some ten milliseconds; a caller waits ten seconds at most.
const REQUEST_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
// A step is one transaction of a few milliseconds; its statements end after eight seconds at the latest.
const STEP_BUCKETS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

// A release wakes the relay; what comes after a failed try takes far longer.
const DELIVERY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600];

const ACTIVITIES = ['admitSync', ...STEPS.flatMap(({ step, undo }) => [step, undo]), 'recordOutcome'];

/**
 * Makes the metrics of one process, its own (`process_…`, `nodejs_…`) among them. Counters begin at 0 with every
 * label, as an alert could not see the first increase of a series that was not there before.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  // The pools first, as the checks use them, too.
  const pools = new Map<string, PoolUse>();
  poolGauges(registers, pools);
  const checks = new Map<string, () => Promise<boolean>>();
  checkGauge(registers, checks);
  collectDefaultMetrics({ register: registry });
  memoryLimitGauge(registers);
  /** @param values every value of each label; null: the code that counts knows them */
  const counter = <Label extends string = never>(
    name: string,
    help: string,
    values: Record<Label, readonly string[] | null>,
  ): Counter<Label> => {
    const labelNames = Object.keys(values) as Label[];
    const result = new Counter<Label>({ name, help, labelNames, registers });
    for (const labels of combinations(values)) result.inc(labels, 0);
    return result;
  };
  const gauge = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ): Gauge<Label> => new Gauge<Label>({ name, help, labelNames, registers });

  const stepDuration = new Histogram({
    name: 'provisioner_step_duration_seconds',
    help: 'Time that one execution of an activity took',
    labelNames: ['step', 'result'],
    buckets: STEP_BUCKETS,
    registers,
  });
  for (const step of ACTIVITIES) stepDuration.zero({ step, result: 'success' });
  const waiters = gauge(
    'provisioner_waiters',
    'Requests that wait for their turn (until their run is started or joined) or for its result',
    ['for'],
  );
  for (const what of ['turn', 'result']) waiters.set({ for: what }, 0);

  return {
    registry,
    /** Metrics of other sources in this process, as text; their names must differ from ours. */
    others: [] as (() => Promise<string>)[],
    parts: gauge('provisioner_part', 'Parts that the process runs: 1 for each', ['part']),
    /** What the process cannot work without, by name; asked when the metrics are read. */
    checks,
    /** The connection pools of this process by name; read when the metrics are. */
    pools,
    requests: counter('provisioner_http_requests_total', 'Requests answered', {
      method: null,
      route: null,
      status: null,
    }),
    requestDuration: new Histogram({
      name: 'provisioner_http_request_duration_seconds',
      help: 'Time from request to answer',
      labelNames: ['method', 'route'],
      buckets: REQUEST_BUCKETS,
      registers,
    }),
    /** Requests of the endpoint in GitLab's terms. */
    sli: createSli(registry),
    tokenRefusals: counter('provisioner_token_refusals_total', 'Tokens that were refused, by reason', {
      reason: null,
    }),
    syncs: counter('provisioner_syncs_total', 'Syncs answered, refused ones at the door included', {
      outcome: ['success', 'error', 'skipped'],
    }),
    refusedSections: counter(
      'provisioner_refused_sections_total',
      'Sections that an answer reports as error',
      { section: SECTIONS },
    ),
    superseded: counter('provisioner_superseded_total', 'Syncs answered 409, at the door or by their run', {
      at: ['door', 'run'],
    }),
    waiters,
    stepDuration,
    stepRetries: counter(
      'provisioner_step_retries_total',
      'Executions of activities that failed and are tried again',
      { step: ACTIVITIES, reason: ['transient', 'schema', 'bug'] },
    ),
    unfinishedRuns: counter(
      'provisioner_unfinished_runs_total',
      'Runs without an outcome that the next sync of their namespace found',
      {},
    ),
    searchAttributesMissing: gauge(
      'provisioner_search_attributes_missing',
      'Search attributes that Temporal does not have as runs need them',
    ),
    problems: counter('provisioner_problems_total', 'Answers that are no outcome of a sync, by their code', {
      code: null,
    }),
    compensations: counter(
      'provisioner_compensations_total',
      'Steps that were undone; result kept: rows of another writer were left as they are',
      { step: STEPS.map(({ step }) => step), result: ['restored', 'kept'] },
    ),
    attempts: counter(
      'provisioner_attempts_total',
      "Attempts of CustomersDot's side that ended; given_up: failed, and not tried again",
      { state: ['completed', 'partially_failed', 'failed', 'given_up', 'skipped'] },
    ),
    unstoredOutcomes: counter(
      'provisioner_unstored_outcomes_total',
      "Outcomes of attempts of CustomersDot's side that could not be stored at once",
      { reason: ['transient', 'refused', 'schema', 'bug'] },
    ),
    deliveries: counter('provisioner_outbox_deliveries_total', 'Tries to deliver an event of the outbox', {
      sink: ['sidekiq', 'webhook'],
      result: ['delivered', 'failed', 'set_aside'],
    }),
    deliveryDelay: new Histogram({
      name: 'provisioner_outbox_delivery_delay_seconds',
      help: 'Time from the release of an event until a sink had it',
      labelNames: ['sink'],
      buckets: DELIVERY_BUCKETS,
      registers,
    }),
  };
}

/** Every combination of the labels' values; none where those of a label are not known. */
function combinations<Label extends string>(
  values: Record<Label, readonly string[] | null>,
): Partial<Record<Label, string>>[] {
  let found: Partial<Record<Label, string>>[] = [{}];
  for (const [name, all] of Object.entries(values) as [Label, readonly string[] | null][]) {
    found = found.flatMap((labels) => (all ?? []).map((value) => ({ ...labels, [name]: value })));
  }
  return found;
}
