import { Gauge } from 'prom-client';
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

/**
 * Shows the queue when the metrics are read. It is that of the database: each process on it shows the same. While
 * the database cannot be asked there are no series.
 */
export function observeQueue({ registry }: Pick<Metrics, 'registry'>, look: () => Promise<QueueState>): void {
  // One look for all that is read at the same time.
  let looking: Promise<QueueState | null> | null = null;
  const state = () =>
    (looking ??= look()
      .catch(() => null)
      .finally(() => (looking = null)));
  const age = (name: string, help: string, valueOf: (state: QueueState) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const now = await state();
        if (now) this.set(valueOf(now));
        else this.remove();
      },
    });
  age(
    'provisioner_queue_age_seconds',
    'How long the oldest due delivery of the queue has been due',
    ({ dueAgeS }) => dueAgeS,
  );
  age(
    'provisioner_unsent_sync_age_seconds',
    'How long ago the oldest sync that is still to be sent was asked for',
    ({ unsentAgeS }) => unsentAgeS,
  );
  new Gauge({
    name: 'provisioner_queue_jobs',
    help: 'Deliveries that are due, that wait for their time, and that are being sent',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const now = await state();
      for (const name of ['due', 'waiting', 'running'] as const) {
        if (now) this.set({ state: name }, now.jobs[name]);
        else this.remove({ state: name });
      }
    },
  });
}
