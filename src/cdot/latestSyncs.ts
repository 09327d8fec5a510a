import type { Pool } from 'pg';
import { composed, nothing } from '../db/statement';
import { withTransaction } from '../db/transaction';
import type { AttemptState } from './attempts';
import { toSync, type Sync, type SyncRow } from './syncs';

/** The latest sync of a namespace and how it stands. */
export interface LatestSync {
  sync: Sync;
  /** How its last attempt ended; null: it is still to be sent, or is being sent. */
  ended: Exclude<AttemptState, 'started'> | null;
}

const LATEST = `
  SELECT DISTINCT ON (s.namespace_id) s.*, (
    SELECT CASE WHEN a.created_at >= s.updated_at AND a.state <> 'started' AND a.retry_at IS NULL THEN a.state END
    FROM gitlab_namespaces_sync_attempts a WHERE a.namespaces_sync_id = s.id ORDER BY a.id DESC LIMIT 1
  ) AS ended
  FROM gitlab_namespaces_syncs s`;
const IN_ORDER = 'ORDER BY s.namespace_id, s.id DESC';

/** One page of them, by the ids of the namespaces. @param after the last id of the page before; `0`: the first page */
export async function latestSyncsAfter(pool: Pool, after: string, limit: number): Promise<LatestSync[]> {
  return find(pool, `${LATEST} WHERE s.namespace_id > $1 ${IN_ORDER} LIMIT $2`, [after, limit]);
}

/** Those of some namespaces, by the namespace's id. */
export async function latestSyncsOf(pool: Pool, namespaceIds: string[]): Promise<Map<string, LatestSync>> {
  const found = await find(pool, `${LATEST} WHERE s.namespace_id = ANY ($1::bigint[]) ${IN_ORDER}`, [
    namespaceIds,
  ]);
  return new Map(found.map((each) => [each.sync.namespaceId, each]));
}

async function find(pool: Pool, sql: string, values: unknown[]): Promise<LatestSync[]> {
  const { rows } = await pool.query<SyncRow & { ended: LatestSync['ended'] }>(sql, values);
  return rows.map(({ ended, ...row }) => ({ sync: toSync(row), ended }));
}

/** The id that a sync was given last; 0 where there was none. */
export async function lastSyncId(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ last: string }>(
    `SELECT coalesce(pg_sequence_last_value(${SEQUENCE}), 0) AS last`,
  );
  return Number(rows[0]?.last);
}

/** Has ids of new syncs go on above this one, if they do not already. Whoever records one waits meanwhile. */
export async function raiseSyncIds(pool: Pool, above: number): Promise<void> {
  await withTransaction(pool, (tx) =>
    tx.commit(
      composed('LOCK TABLE gitlab_namespaces_syncs IN SHARE ROW EXCLUSIVE MODE', [], nothing),
      composed(
        `SELECT setval(${SEQUENCE}, $1::bigint) WHERE coalesce(pg_sequence_last_value(${SEQUENCE}), 0) < $1::bigint`,
        [above],
        nothing,
      ),
    ),
  );
}

const SEQUENCE = `pg_get_serial_sequence('gitlab_namespaces_syncs', 'id')::regclass`;
