import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { SECTIONS } from '../domain/sections';
import { STEPS } from '../domain/steps';
import { checkGauge } from './checks';
import { memoryLimitGauge } from './memory';
import { poolGauges, type PoolUse } from './pools';
import { createSli, type Sli } from './sli';

/** What this process counts, for `GET /-/metrics` (Prometheus). Labels hold no ids: those are in the log. */
export interface Metrics {
  registry: Registry;
  /** Texts of what else measures this process; their names must differ from ours. */
  others: (() => Promise<string>)[];
  /** The parts that this process runs: 1 for each. */
  parts: Gauge<'part'>;
  /** What the process cannot work without, by name; asked when the metrics are read. */
  checks: Map<string, () => Promise<boolean>>;
  /** The connection pools of this process by name; looked at when the metrics are read. */
  pools: Map<string, PoolUse>;
  /** Requests by method, route and status. */
  requests: Counter<'method' | 'route' | 'status'>;
  /** Seconds that requests took. */
  requestDuration: Histogram<'method' | 'route'>;
  /** Requests of the endpoint in GitLab's terms. */
  sli: Sli;
  /** Tokens that were refused, by reason. */
  tokenRefusals: Counter<'reason'>;
  /** Syncs answered, by outcome: `success`, `error` or `skipped`. */
  syncs: Counter<'outcome'>;
  /** Sections that an answer reports as `error`. */
  refusedSections: Counter<'section'>;
  /** Syncs answered 409: at the `door`, or by their `run`. */
  superseded: Counter<'at'>;
  /** Requests that wait: for their `turn` (until their run is started or joined), or for its `result`. */
  waiters: Gauge<'for'>;
  /** Seconds that executions of activities took; `result`: `success`, `refused`, `superseded` or `failed`. */
  stepDuration: Histogram<'step' | 'result'>;
  /** Executions of activities that failed and are tried again; `reason`: `transient`, `schema` or `bug`. */
  stepRetries: Counter<'step' | 'reason'>;
  /** Runs that ended without an outcome (terminated by a person) and were found by the next sync. */
  unfinishedRuns: Counter;
  /** Search attributes that Temporal does not have as runs need them. */
  searchAttributesMissing: Gauge;
  /** Answers that are no outcome of a sync, by the code that `docs/errors.md` lists. */
  problems: Counter<'code'>;
  /** Compensations by step, and whether rows had to be left as they are. */
  compensations: Counter<'step' | 'result'>;
  /** Attempts of CustomersDot's side that ended, by state; `given_up`: failed, and not tried again. */
  attempts: Counter<'state'>;
  /** Outcomes of attempts that could not be stored at once; `reason`: `transient`, `refused`, `schema` or `bug`. */
  unstoredOutcomes: Counter<'reason'>;
  /** Tries to deliver an event, by sink; `result`: `delivered`, `failed` (is tried again) or `set_aside`. */
  deliveries: Counter<'sink' | 'result'>;
  /** Seconds from the release of an event until a sink had it. */
  deliveryDelay: Histogram<'sink'>;
}

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
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  // The pools first, as the checks use them, too.
  const pools = new Map<string, PoolUse>();
  poolGauges(registers, pools);
  const checks = new Map<string, () => Promise<boolean>>();
  checkGauge(registers, checks);
  collectDefaultMetrics({ register: registry });
  memoryLimitGauge(registers);
  const counter = <Label extends string>(
    name: string,
    help: string,
    values: Record<Label, readonly string[]>,
  ): Counter<Label> => {
    const labelNames = Object.keys(values) as Label[];
    const made = new Counter<Label>({ name, help, labelNames, registers });
    for (const labels of combinations(values)) made.inc(labels, 0);
    return made;
  };

  const stepDuration = new Histogram({
    name: 'provisioner_step_duration_seconds',
    help: 'Time that one execution of an activity took',
    labelNames: ['step', 'result'],
    buckets: STEP_BUCKETS,
    registers,
  });
  for (const step of ACTIVITIES) stepDuration.zero({ step, result: 'success' });
  const waiters = new Gauge({
    name: 'provisioner_waiters',
    help: 'Requests that wait for their turn (until their run is started or joined) or for its result',
    labelNames: ['for'],
    registers,
  });
  for (const what of ['turn', 'result']) waiters.set({ for: what }, 0);

  return {
    registry,
    others: [],
    parts: new Gauge({
      name: 'provisioner_part',
      help: 'Parts that the process runs: 1 for each',
      labelNames: ['part'],
      registers,
    }),
    checks,
    pools,
    // Which statuses a route has, the route knows.
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
      buckets: REQUEST_BUCKETS,
      registers,
    }),
    sli: createSli(registry),
    // Which reasons there are, the check of tokens knows.
    tokenRefusals: new Counter({
      name: 'provisioner_token_refusals_total',
      help: 'Tokens that were refused, by reason',
      labelNames: ['reason'],
      registers,
    }),
    syncs: counter('provisioner_syncs_total', 'Syncs answered, refused ones at the door included', {
      outcome: ['success', 'error', 'skipped'],
    }),
    refusedSections: counter(
      'provisioner_refused_sections_total',
      'Sections that an answer reports as error',
      {
        section: SECTIONS,
      },
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
    unfinishedRuns: new Counter({
      name: 'provisioner_unfinished_runs_total',
      help: 'Runs without an outcome that the next sync of their namespace found',
      registers,
    }),
    searchAttributesMissing: new Gauge({
      name: 'provisioner_search_attributes_missing',
      help: 'Search attributes that Temporal does not have as runs need them',
      registers,
    }),
    problems: new Counter({
      name: 'provisioner_problems_total',
      help: 'Answers that are no outcome of a sync, by their code',
      labelNames: ['code'],
      registers,
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

/** Every combination of the labels' values. */
function combinations<Label extends string>(
  values: Record<Label, readonly string[]>,
): Partial<Record<Label, string>>[] {
  return (Object.entries(values) as [Label, readonly string[]][]).reduce<Partial<Record<Label, string>>[]>(
    (made, [name, all]) => made.flatMap((labels) => all.map((value) => ({ ...labels, [name]: value }))),
    [{}],
  );
}
