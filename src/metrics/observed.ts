import { lookedUpGauges, type LookedUp } from './lookedUp';
import type { Metrics } from './metrics';

/** Answers that cost the other side something and change slowly. */
const KEEP_MS = 10_000;

type Registered = Pick<Metrics, 'registry'>;

/** The queue of CustomersDot's side at one moment. Ages in seconds, 0 where there is nothing. */
export interface QueueState {
  /** Deliveries that are due for a worker, that wait for their time (a backoff), and that are being sent. */
  jobs: Record<'due' | 'waiting' | 'running', number>;
  /** How long the oldest one of the due ones has been due: whether workers keep up. */
  dueAgeS: number;
  /** How long ago the oldest sync that is still to be sent was asked for, its failed attempts included. */
  unsentAgeS: number;
}

/** Shows the queue when the metrics are read. It is that of the database: each process on it shows the same. */
export function observeQueue({ registry }: Registered, look: () => Promise<QueueState>): void {
  lookedUpGauges(registry, look, [
    {
      name: 'provisioner_queue_age_seconds',
      help: 'How long the oldest due delivery of the queue has been due',
      valueOf: ({ dueAgeS }) => dueAgeS,
    },
    {
      name: 'provisioner_unsent_sync_age_seconds',
      help: 'How long ago the oldest sync that is still to be sent was asked for',
      valueOf: ({ unsentAgeS }) => unsentAgeS,
    },
    {
      name: 'provisioner_queue_jobs',
      help: 'Deliveries that are due, that wait for their time, and that are being sent',
      label: 'state',
      valueOf: ({ jobs }) => jobs,
    },
  ]);
}

/**
 * Shows follow-up work that waits for its run's outcome. It is that of the database: each process shows the same.
 * @param look how many rows are unreleased, and the age of the oldest in seconds; 0 where there is none
 */
export function observeOutbox(
  { registry }: Registered,
  look: () => Promise<{ rows: number; ageS: number }>,
): void {
  const rows: LookedUp<{ rows: number }> = {
    name: 'provisioner_outbox_unreleased',
    help: 'Rows of the outbox that are not released, 10,000 at most',
    valueOf: ({ rows }) => rows,
  };
  lookedUpGauges(
    registry,
    look,
    [rows, age('provisioner_outbox_unreleased_age_seconds', 'Age of the oldest one of them')],
    KEEP_MS,
  );
}

/**
 * Shows what waits for the CI database.
 * @param look how many resets are pending, and the age of the oldest in seconds
 */
export function observeCiResets(
  { registry }: Registered,
  look: () => Promise<{ count: number; ageS: number }>,
): void {
  const count: LookedUp<{ count: number }> = {
    name: 'provisioner_ci_resets',
    help: 'Resets that the CI database still has to take',
    valueOf: ({ count }) => count,
  };
  lookedUpGauges(registry, look, [
    count,
    age('provisioner_ci_reset_age_seconds', 'How long the oldest reset has waited for the CI database'),
  ]);
}

function age(name: string, help: string): LookedUp<{ ageS: number }> {
  return { name, help, valueOf: ({ ageS }) => ageS };
}

/**
 * Shows open and paused runs. They are those of the Temporal namespace: each process on it shows the same.
 * @param open how many runs have not ended, by how long ago they began at least
 * @param paused how many of them a person has paused; rejects on a server that knows no pauses
 */
export function observeRuns(
  { registry }: Registered,
  open: () => Promise<Record<string, number>>,
  paused: () => Promise<number>,
): void {
  const openRuns: LookedUp<Record<string, number>> = {
    name: 'provisioner_open_runs',
    help: 'Runs that have not ended and that began so long ago at least',
    label: 'older_than',
    valueOf: (runs) => runs,
  };
  const pausedRuns: LookedUp<number> = {
    name: 'provisioner_paused_runs',
    help: 'Open runs that a person has paused, or a step of them',
    valueOf: (runs) => runs,
  };
  lookedUpGauges(registry, open, [openRuns], KEEP_MS);
  lookedUpGauges(registry, paused, [pausedRuns], KEEP_MS);
}

/** Shows how old the key is that signs tokens. @param ageMs in milliseconds */
export function observeSigningKey({ registry }: Registered, ageMs: () => Promise<number>): void {
  const gauge: LookedUp<number> = {
    name: 'provisioner_signing_key_age_seconds',
    help: 'How long the key that signs tokens now has been signing',
    valueOf: (ms) => ms / 1000,
  };
  lookedUpGauges(registry, ageMs, [gauge]);
}
