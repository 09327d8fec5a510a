import { lookedUpGauges } from './lookedUp';
import type { Metrics } from './metrics';

/** Temporal answers no more such questions than it may, and the answers change slowly. */
const KEEP_MS = 10_000;

/**
 * Shows open and paused runs. They are those of the Temporal namespace: each process on it shows the same.
 * @param open how many runs have not ended, by how long ago they began at least
 * @param paused how many of them a person has paused; rejects on a server that knows no pauses
 */
export function observeRuns(
  { registry }: Pick<Metrics, 'registry'>,
  open: () => Promise<Record<string, number>>,
  paused: () => Promise<number>,
): void {
  const openGauge = {
    name: 'provisioner_open_runs',
    help: 'Runs that have not ended and that began so long ago at least',
    label: 'older_than',
    valueOf: (runs: Record<string, number>) => runs,
  };
  const pausedGauge = {
    name: 'provisioner_paused_runs',
    help: 'Open runs that a person has paused, or a step of them',
    valueOf: (runs: number) => runs,
  };
  lookedUpGauges(registry, open, [openGauge], KEEP_MS);
  lookedUpGauges(registry, paused, [pausedGauge], KEEP_MS);
}
