import type { Pool } from 'pg';

/** The newest sync of a namespace that was admitted, as its fence tells it. */
export interface NewestSync {
  namespaceId: string;
  syncId: number;
  /** False: the ledger does not say how it ended. */
  hasOutcome: boolean;
}

const NEWEST = `
  SELECT namespace_id AS "namespaceId", sync_id AS "syncId", EXISTS (
    SELECT FROM provisioning.ledger
    WHERE namespace_id = fence.namespace_id AND sync_id = fence.sync_id AND step = 'recordOutcome'
  ) AS "hasOutcome"
  FROM provisioning.fences AS fence WHERE sync_id IS NOT NULL`;

/** One page of them, by the ids of the namespaces. @param after the last id of the page before; `0`: the first page */
export async function newestSyncsAfter(pool: Pool, after: string, limit: number): Promise<NewestSync[]> {
  return find(pool, `${NEWEST} AND namespace_id > $1 ORDER BY namespace_id LIMIT $2`, [after, limit]);
}

/** Those of some namespaces, by the namespace's id; of one that never had a sync there is none. */
export async function newestSyncsOf(pool: Pool, namespaceIds: string[]): Promise<Map<string, NewestSync>> {
  const found = await find(pool, `${NEWEST} AND namespace_id = ANY ($1::bigint[])`, [namespaceIds]);
  return new Map(found.map((each) => [each.namespaceId, each]));
}

async function find(pool: Pool, sql: string, values: unknown[]): Promise<NewestSync[]> {
  const { rows } = await pool.query<NewestSync>(sql, values);
  return rows.map((row) => ({ ...row, syncId: Number(row.syncId) }));
}

/** The highest id of a sync that was ever admitted; 0 where there was none. */
export async function highestSyncId(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ highest: string }>(
    'SELECT coalesce(max(sync_id), 0) AS highest FROM provisioning.fences',
  );
  return Number(rows[0]?.highest);
}

/** What a sync asked for when it was admitted last, and when that was; null: the ledger does not know. */
export async function admittedRequest(
  pool: Pool,
  { namespaceId, syncId }: NewestSync,
): Promise<{ provision: unknown; at: string } | null> {
  const { rows } = await pool.query<{ provision: unknown; at: string }>(
    `SELECT result #> '{input,provision}' AS provision, created_at AS at FROM provisioning.ledger
     WHERE namespace_id = $1 AND sync_id = $2 AND step = 'admitSync' ORDER BY id DESC LIMIT 1`,
    [namespaceId, syncId],
  );
  return rows[0] ?? null;
}
