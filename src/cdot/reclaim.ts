import type { Pool } from 'pg';
import { composed, nothing } from '../db/statement';
import { withTransaction } from '../db/transaction';
import { closeInterrupted } from './attempts';
import { DELIVER } from './enqueue';
import { isDead } from './liveness';

export interface Reclaimed {
  workers: string[];
  attempts: number;
}

/**
 * Frees what dead workers hold: their open attempts are closed and their jobs can be taken again. The queue itself
 * would wait for four hours. Safe while other workers live and do the same.
 */
export async function reclaimFromDeadWorkers(pool: Pool): Promise<Reclaimed> {
  return withTransaction(pool, async (tx) => {
    const [workers] = await tx.send(
      composed(DEAD_WORKERS, [DELIVER], (rows: { worker_id: string }[]) => rows.map((row) => row.worker_id)),
    );
    if (workers.length === 0) return { workers, attempts: 0 };
    const [attempts] = await tx.commit(
      closeInterrupted(workers),
      composed('SELECT graphile_worker.force_unlock_workers($1)', [workers], nothing),
      composed(DROP_REPLACED_JOBS, [DELIVER], nothing),
    );
    return { workers, attempts };
  });
}

// A worker takes its lock just when it begins: what is held for a moment only is left alone.
const DEAD_WORKERS = `
  WITH holders AS MATERIALIZED (
    SELECT worker_id FROM gitlab_namespaces_sync_attempts
    WHERE state = 'started' AND created_at < now() - interval '2 seconds'
    UNION
    SELECT locked_by FROM graphile_worker.jobs
    WHERE task_identifier = $1 AND locked_at < now() - interval '2 seconds' AND locked_by IS NOT NULL
  )
  SELECT worker_id FROM holders WHERE ${isDead('worker_id')}`;

/** While a job ran, a newer one may have taken its key: then it must not, and will not, run again. */
const DROP_REPLACED_JOBS = `
  SELECT graphile_worker.complete_jobs(array_agg(id)) FROM graphile_worker.jobs
  WHERE task_identifier = $1 AND key IS NULL AND locked_at IS NULL AND attempts >= max_attempts`;
