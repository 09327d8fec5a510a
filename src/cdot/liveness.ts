import { Client, type Pool } from 'pg';
import { SESSION } from '../db/pool';
import { composed, nothing } from '../db/statement';
import { withTransaction } from '../db/transaction';
import { closeInterrupted } from './attempts';
import { DELIVER } from './queue';

// The first half of the advisory locks that mark live workers; the second one is the hash of the worker's id.
const LOCK_CLASS = 507_291;

/** The proof that a worker lives: an advisory lock that PostgreSQL releases when the worker's connection ends. */
export type Liveness = Awaited<ReturnType<typeof openLiveness>>;

/** Opens the connection. It needs a session of its own, so no pooler that shares sessions. */
export async function openLiveness(url: string) {
  const client = new Client({
    connectionString: url,
    application_name: 'provisioner cdot liveness',
    connectionTimeoutMillis: 4_000,
    query_timeout: 4_000,
    keepAlive: true,
  });
  const lost = new Promise<void>((resolve) => {
    client.on('error', () => resolve());
    client.on('end', () => resolve());
  });
  await client.connect();
  await client.query(SESSION);
  return {
    /** Resolves when the connection, and so the lock, is lost. */
    lost,
    /** Takes the lock of a worker. */
    announce: async (workerId: string) => {
      await client.query('SELECT pg_advisory_lock($1, hashtext($2))', [LOCK_CLASS, workerId]);
    },
    /** Checks the connection itself. @throws when it does not answer */
    check: () => client.query('SELECT 1'),
    end: () => client.end(),
  };
}

/** SQL that is true when the worker named by the expression is dead; takes its lock until the transaction ends. */
const isDead = (workerId: string) => `pg_try_advisory_xact_lock(${LOCK_CLASS}, hashtext(${workerId}))`;

/** SQL of a query: whether any worker lives on this database. */
export const ANY_WORKER = `
  SELECT EXISTS (
    SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND classid = ${LOCK_CLASS} AND objsubid = 2 AND granted
      AND datname = current_database()
  ) AS alive`;

export interface Reclaimed {
  workers: string[];
  attempts: number;
}

/**
 * Closes the open attempts of dead workers and frees their jobs. The queue itself would wait for four hours. Safe while
 * other workers do the same.
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

// A worker takes its lock when it begins, so a hold of a moment proves nothing.
const DEAD_WORKERS = `
  WITH holders AS MATERIALIZED (
    SELECT worker_id FROM gitlab_namespaces_sync_attempts
    WHERE state = 'started' AND created_at < now() - interval '2 seconds'
    UNION
    SELECT locked_by FROM graphile_worker.jobs
    WHERE task_identifier = $1 AND locked_at < now() - interval '2 seconds' AND locked_by IS NOT NULL
  )
  SELECT worker_id FROM holders WHERE ${isDead('worker_id')}`;

/** A job whose key a newer job took while it ran must not run again. */
const DROP_REPLACED_JOBS = `
  SELECT graphile_worker.complete_jobs(array_agg(id)) FROM graphile_worker.jobs
  WHERE task_identifier = $1 AND key IS NULL AND locked_at IS NULL AND attempts >= max_attempts`;
