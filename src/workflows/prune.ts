import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities';

// A large ledger takes its time. What fails is tried again until a person looks at it: rows that stay hurt nobody.
const { pruneLedger } = proxyActivities<Pick<Activities, 'pruneLedger'>>({
  startToCloseTimeout: '12h',
  heartbeatTimeout: '2m',
  retry: { initialInterval: '1m', maximumInterval: '15m' },
});

/**
 * Deletes old rows of the ledger and the outbox, as the command `provisioner prune` does. A Temporal Schedule starts it.
 * @param keepFor an interval of PostgreSQL, e.g. `400 days`
 * @returns how many rows have gone, by table
 */
export function prune(keepFor: string): Promise<Record<string, number>> {
  return pruneLedger(keepFor);
}
