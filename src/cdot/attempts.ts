import type { Pool } from 'pg';
import { composed, type Statement } from '../db/statement';
import { withTransaction } from '../db/transaction';
import { enqueue, type Delivery } from './queue';
import { lockNamespace, toSync, type Sync, type SyncRow } from './syncs';

export type AttemptState = 'started' | 'completed' | 'partially_failed' | 'failed' | 'skipped';

/** The sync that a job is to send next. */
export interface DueSync {
  sync: Sync;
  /** False: an attempt that began after the last request has its outcome. */
  isDue: boolean;
  /** The number of the next try, counted from 1 since the last request. */
  nextTry: number;
}

/** What a job has to send: the latest sync of its namespace, or the one it names; null: there is none. */
export async function findDue(pool: Pool, delivery: Delivery): Promise<DueSync | null> {
  const { rows } = await pool.query<SyncRow & { is_due: boolean; next_try: number }>(FIND_DUE, [
    delivery.namespace_id,
    delivery.sync_id,
  ]);
  const row = rows[0];
  return row ? { sync: toSync(row), isDue: row.is_due, nextTry: row.next_try } : null;
}

const FIND_DUE = `
  SELECT s.*,
    NOT coalesce(a.created_at >= s.updated_at AND a.state <> 'started' AND a.retry_at IS NULL, false) AS is_due,
    CASE WHEN a.created_at >= s.updated_at THEN a.try + 1 ELSE 1 END AS next_try
  FROM gitlab_namespaces_syncs s
  LEFT JOIN LATERAL (
    SELECT * FROM gitlab_namespaces_sync_attempts WHERE namespaces_sync_id = s.id ORDER BY id DESC LIMIT 1
  ) a ON true
  WHERE s.namespace_id = $1 AND ($2::bigint IS NULL OR s.id = $2::bigint)
  ORDER BY s.id DESC LIMIT 1`;

export interface NewAttempt {
  sync: Sync;
  try: number;
  workerId: string;
  correlationId: string;
}

/**
 * Begins an attempt.
 * @returns its id; null: another attempt of the namespace is in progress, or one of an older sync failed within the last
 *   second. So however many syncs are recorded while the API is down, it is tried once a second
 */
export async function startAttempt(pool: Pool, attempt: NewAttempt): Promise<number | null> {
  const { rows } = await pool.query<{ id: string }>(START, [
    attempt.sync.id,
    attempt.try,
    attempt.correlationId,
    attempt.workerId,
  ]);
  return rows[0] ? Number(rows[0].id) : null;
}

// A row that is `started` in this statement's view may have failed just now, so it counts like one that has.
const START = `
  INSERT INTO gitlab_namespaces_sync_attempts
    (namespaces_sync_id, namespace_id, created_at, updated_at, state, try, correlation_id, worker_id)
  SELECT s.id, s.namespace_id, now, now, 'started', $2, $3, $4
  FROM gitlab_namespaces_syncs s, greatest(clock_timestamp(), s.updated_at) AS now
  WHERE s.id = $1 AND NOT EXISTS (
    SELECT FROM (
      SELECT * FROM gitlab_namespaces_sync_attempts WHERE namespace_id = s.namespace_id ORDER BY id DESC LIMIT 1
    ) last
    WHERE state = 'started' OR state = 'failed' AND namespaces_sync_id < s.id
      AND clock_timestamp() - last.updated_at BETWEEN interval '0' AND interval '1 second'
  )
  ON CONFLICT (namespace_id) WHERE state = 'started' DO NOTHING RETURNING id`;

/** How an attempt ended. */
export interface AttemptEnd {
  state: Exclude<AttemptState, 'started'>;
  httpStatus: number | null;
  response: unknown;
  error: string | null;
  durationMs: number;
  workflowId: string | null;
  runId: string | null;
  /** Milliseconds until the next try; null: there is none. */
  retryInMs: number | null;
}

/** Another worker considered this one dead and closed the attempt; the job is not ours any more. */
export class AttemptLost extends Error {
  readonly code = 'attempt_lost';
}

/** Ends an attempt and schedules its next try, in one transaction. @throws AttemptLost */
export async function settleAttempt(
  pool: Pool,
  id: number,
  sync: Sync,
  end: AttemptEnd,
  delivery: Delivery,
): Promise<void> {
  await withTransaction(pool, async (tx) => {
    const response = end.response === undefined ? null : JSON.stringify(end.response);
    const values = [
      ...[id, end.state, end.httpStatus, response, end.error, end.durationMs],
      ...[end.workflowId, end.runId, end.retryInMs],
    ];
    const [, isOpen, isNewer] = await tx.send(
      lockNamespace(sync.namespaceId),
      composed(SETTLE, values, (rows) => rows.length > 0),
      isNewerRecorded(sync),
    );
    if (!isOpen) throw new AttemptLost(`Attempt ${id} was closed by another worker`);
    // The latest sync does not wait for the backoff of an older one (contract 6).
    const isOvertaken = delivery.sync_id === null && isNewer;
    if (end.retryInMs !== null) {
      await enqueue(tx, delivery, isOvertaken ? { keepTime: true } : { delayMs: end.retryInMs });
    }
    await tx.commit();
  });
}

function isNewerRecorded({ id, namespaceId }: Sync): Statement<boolean> {
  return composed(
    'SELECT 1 FROM gitlab_namespaces_syncs WHERE namespace_id = $1 AND id > $2 LIMIT 1',
    [namespaceId, id],
    (rows) => rows.length > 0,
  );
}

const SETTLE = `
  UPDATE gitlab_namespaces_sync_attempts
  SET state = $2, http_status = $3, response = $4, error = $5, duration_ms = $6, workflow_id = $7, run_id = $8,
    retry_at = clock_timestamp() + $9::float8 * interval '1 millisecond', updated_at = clock_timestamp()
  WHERE id = $1 AND state = 'started' RETURNING id`;

/** How many tries of a sync failed in a row; its backoff grows with them. */
export async function failuresInARow(pool: Pool, syncId: number): Promise<number> {
  const { rows } = await pool.query<{ failures: number }>(
    `SELECT count(*)::int AS failures FROM gitlab_namespaces_sync_attempts
     WHERE namespaces_sync_id = $1 AND state = 'failed' AND id > coalesce((
       SELECT max(id) FROM gitlab_namespaces_sync_attempts
       WHERE namespaces_sync_id = $1 AND state <> 'started' AND (state <> 'failed' OR retry_at IS NULL)), 0)`,
    [syncId],
  );
  return rows[0]?.failures ?? 0;
}

/** Closes what dead workers left open; their jobs run again at once. @returns how many attempts */
export function closeInterrupted(workerIds: string[]): Statement<number> {
  return composed(
    `UPDATE gitlab_namespaces_sync_attempts
     SET state = 'failed', error = 'Interrupted: the worker died', retry_at = clock_timestamp(),
       duration_ms = least(greatest(extract(epoch FROM clock_timestamp() - created_at) * 1000, 0), 2147483647),
       updated_at = clock_timestamp()
     WHERE state = 'started' AND worker_id = ANY($1) RETURNING id`,
    [workerIds],
    (rows) => rows.length,
  );
}
