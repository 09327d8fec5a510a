import { Context } from '@temporalio/activity';
import { PRUNABLE } from '../db/prunable';
import { pruneTable } from '../db/prune';
import type { ActivityDependencies } from './run';

const HEARTBEAT_MS = 30_000;

/**
 * Deletes old rows of the ledger and the outbox in batches; once cancelled it ends after the batch that runs.
 * @param keepFor an interval of PostgreSQL, e.g. `400 days`
 * @returns how many rows have gone, by table
 */
export async function pruneLedger(
  { pool }: ActivityDependencies,
  keepFor: string,
): Promise<Record<string, number>> {
  const context = Context.current();
  const gone: Record<string, number> = {};
  const alive = setInterval(() => context.heartbeat(gone), HEARTBEAT_MS);
  try {
    for (const table of PRUNABLE) {
      const onProgress = (rows: number) => void (gone[table.name] = rows);
      const options = { keepFor, isDryRun: false, stopping: context.cancellationSignal, onProgress };
      onProgress(await pruneTable(pool, table, options));
    }
    return gone;
  } finally {
    clearInterval(alive);
  }
}
