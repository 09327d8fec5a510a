import type { Pool } from 'pg';
import { withTransaction, type Tx } from '../db/pool';
import { attributesDigest, checkAttributes, type Attributes } from './attributes';
import { enqueue } from './enqueue';

/** A row of `gitlab_namespaces_syncs`. Times as PostgreSQL prints them, in UTC. */
export interface Sync {
  id: number;
  namespaceId: string;
  attrs: Attributes;
  createdAt: string;
  /** When it was last asked to be sent. */
  requestedAt: string;
}

export interface Requested {
  sync: Sync;
  /** False: an older one, sent by force. */
  isLatest: boolean;
}

export interface Recorded {
  sync: Sync;
  /** False: the attributes are those of the namespace's last sync, which is sent again. */
  isNew: boolean;
}

/** A sync that cannot be sent again by hand. */
export class ResyncRefused extends Error {
  constructor(
    readonly code: 'SYNC_NOT_FOUND' | 'SYNC_NOT_LATEST',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Records what a namespace is entitled to and puts its delivery into the queue, in one transaction (contract 6).
 * A new row only when the attributes differ from the namespace's last ones. A new sync is tried at once, whatever an
 * older one waits for; the backoff of one that is sent again goes on.
 * @param above an id that the API has seen: a row that is not above it does not count as the last one
 * @throws AttributesRefused
 */
export async function recordSync(
  pool: Pool,
  namespaceId: string,
  attrs: Attributes,
  above = 0,
): Promise<Recorded> {
  checkAttributes(attrs);
  const digest = attributesDigest(attrs);
  return withTransaction(pool, async (tx) => {
    await lockNamespace(tx, namespaceId);
    const latest = await latestRow(tx, namespaceId);
    const isNew = latest?.attrs_sha256 !== digest || Number(latest.id) <= above;
    const row = isNew ? await insertRow(tx, namespaceId, digest, attrs) : await touchRow(tx, latest.id);
    await enqueue(tx, { namespace_id: namespaceId, sync_id: null }, { keepTime: !isNew });
    return { sync: toSync(row), isNew };
  });
}

/**
 * Asks for a new attempt of an existing sync, now, whatever backoff is going on.
 * @param options.force also an older sync than the namespace's latest; the API then answers 409, if it has seen
 *   a newer one
 * @throws ResyncRefused
 */
export async function resync(pool: Pool, syncId: number, options: { force: boolean }): Promise<Requested> {
  return withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<SyncRow>(`SELECT * FROM gitlab_namespaces_syncs WHERE id = $1`, [syncId]);
    const found = rows[0];
    if (!found) throw new ResyncRefused('SYNC_NOT_FOUND', `There is no sync ${syncId}`);
    await lockNamespace(tx, found.namespace_id);
    const latest = await latestRow(tx, found.namespace_id);
    const isLatest = latest?.id === found.id;
    if (!isLatest && !options.force) {
      throw new ResyncRefused(
        'SYNC_NOT_LATEST',
        `Sync ${syncId} is older than sync ${latest?.id} of namespace ${found.namespace_id}: send that one, or use --force`,
      );
    }
    const row = await touchRow(tx, found.id);
    await enqueue(tx, { namespace_id: found.namespace_id, sync_id: isLatest ? null : syncId }, {});
    return { sync: toSync(row), isLatest };
  });
}

/** A row as the database has it. */
export interface SyncRow {
  id: string;
  created_at: string;
  updated_at: string;
  namespace_id: string;
  attrs_sha256: string;
  attrs: Attributes;
}

export function toSync(row: SyncRow): Sync {
  return {
    id: Number(row.id),
    namespaceId: row.namespace_id,
    attrs: row.attrs,
    createdAt: row.created_at,
    requestedAt: row.updated_at,
  };
}

/** Writers of one namespace take turns, also for its very first row: ids grow in the order of the commits. */
export async function lockNamespace(tx: Tx, namespaceId: string): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`namespace:${namespaceId}`]);
}

async function latestRow(tx: Tx, namespaceId: string): Promise<SyncRow | undefined> {
  const { rows } = await tx.query<SyncRow>(
    `SELECT * FROM gitlab_namespaces_syncs WHERE namespace_id = $1 ORDER BY id DESC LIMIT 1`,
    [namespaceId],
  );
  return rows[0];
}

async function insertRow(tx: Tx, namespaceId: string, digest: string, attrs: Attributes): Promise<SyncRow> {
  const { rows } = await tx.query<SyncRow>(
    `INSERT INTO gitlab_namespaces_syncs (created_at, updated_at, namespace_id, attrs_sha256, attrs)
     SELECT now, now, $1, $2, $3 FROM clock_timestamp() AS now RETURNING *`,
    [namespaceId, digest, JSON.stringify(attrs)],
  );
  return rows[0] as SyncRow;
}

/** Marks a sync as asked to be sent: later than all its attempts, whatever the clock says, or it would seem sent. */
async function touchRow(tx: Tx, id: string): Promise<SyncRow> {
  const { rows } = await tx.query<SyncRow>(
    `UPDATE gitlab_namespaces_syncs SET updated_at = greatest(clock_timestamp(), (
       SELECT max(created_at) + interval '1 microsecond' FROM gitlab_namespaces_sync_attempts
       WHERE namespaces_sync_id = $1))
     WHERE id = $1 RETURNING *`,
    [id],
  );
  return rows[0] as SyncRow;
}
