import { lookedUpGauges } from './lookedUp';
import type { Metrics } from './metrics';

const KEEP_MS = 10_000;

/** Follow-up work that consumers do not see yet. */
export interface Unreleased {
  rows: number;
  /** Age of the oldest one in seconds; 0 where there is none. */
  ageS: number;
}

/** Shows follow-up work that waits for its run's outcome. It is that of the database: each process shows the same. */
export function observeOutbox(
  { registry }: Pick<Metrics, 'registry'>,
  look: () => Promise<Unreleased>,
): void {
  const gauges = [
    {
      name: 'provisioner_outbox_unreleased',
      help: 'Rows of the outbox that are not released, 10,000 at most',
      valueOf: ({ rows }: Unreleased) => rows,
    },
    {
      name: 'provisioner_outbox_unreleased_age_seconds',
      help: 'Age of the oldest one of them',
      valueOf: ({ ageS }: Unreleased) => ageS,
    },
  ];
  lookedUpGauges(registry, look, gauges, KEEP_MS);
}
