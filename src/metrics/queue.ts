import { lookedUpGauges } from './lookedUp';
import type { Metrics } from './metrics';

/** The queue of CustomersDot's side at one moment. Ages in seconds, 0 where there is nothing. */
export interface QueueState {
  /** Deliveries that a worker should take now, that wait for their time (a backoff), and that are being sent. */
  jobs: Record<'due' | 'waiting' | 'running', number>;
  /** How long the oldest one of the due ones has been due: whether workers keep up. */
  dueAgeS: number;
  /** How long ago the oldest sync that is still to be sent was asked for, its failed attempts included. */
  unsentAgeS: number;
}

/** Shows the queue when the metrics are read. It is that of the database: each process on it shows the same. */
export function observeQueue({ registry }: Pick<Metrics, 'registry'>, look: () => Promise<QueueState>): void {
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
