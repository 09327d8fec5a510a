import { Gauge } from 'prom-client';
import type { Metrics } from './metrics';

/** Resets that the CI database still has to take: how many, and the age of the oldest in seconds. */
interface PendingResets {
  count: number;
  ageS: number;
}

/** Shows what waits for the CI database when the metrics are read; no series while that cannot be looked up. */
export function observeCiResets(
  { registry }: Pick<Metrics, 'registry'>,
  look: () => Promise<PendingResets>,
): void {
  const gauge = (name: string, help: string, valueOf: (pending: PendingResets) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const pending = await look().catch(() => null);
        if (pending) this.set(valueOf(pending));
        else this.remove();
      },
    });
  gauge('provisioner_ci_resets', 'Resets that the CI database still has to take', ({ count }) => count);
  gauge(
    'provisioner_ci_reset_age_seconds',
    'How long the oldest reset has waited for the CI database',
    ({ ageS }) => ageS,
  );
}
