import { lookedUpGauges } from './lookedUp';
import type { Metrics } from './metrics';

const KEEP_MS = 10_000;

/** What a sink still has to get. */
interface Undelivered {
  open: number;
  ageS: number;
  setAside: number;
}

/** Shows what sinks still have to get. It is that of the database: each relay shows the same. */
export function observeDeliveries(
  { registry }: Pick<Metrics, 'registry'>,
  look: () => Promise<Record<string, Undelivered>>,
): void {
  const gauge = (name: string, help: string, read: (of: Undelivered) => number) => ({
    name,
    help,
    label: 'sink',
    valueOf: (state: Record<string, Undelivered>) =>
      Object.fromEntries(Object.entries(state).map(([sink, of]) => [sink, read(of)])),
  });
  lookedUpGauges(
    registry,
    look,
    [
      gauge(
        'provisioner_outbox_undelivered',
        'Released events that a sink does not have',
        ({ open }) => open,
      ),
      gauge(
        'provisioner_outbox_undelivered_age_seconds',
        'How long ago the oldest one of them was released',
        ({ ageS }) => ageS,
      ),
      gauge('provisioner_outbox_set_aside', 'Events that are set aside', ({ setAside }) => setAside),
    ],
    KEEP_MS,
  );
}
