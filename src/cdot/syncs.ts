import type { Pool } from 'pg';
import { composed, nothing, type Statement } from '../db/statement';
import { withTransaction } from '../db/transaction';
import { canonicalDigest } from '../wire/digest';
import { checkAttributes, type Attributes } from './attributes';
import { enqueue } from './queue';

/** A row of `gitlab_namespaces_syncs`. Times as PostgreSQL prints them, in UTC. */
export interface Sync {
  id: number;
  namespaceId: string;
  attrs: Attributes;
  createdAt: string;
  /** When its delivery was last requested. */
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
    readonly code: 'sync_not_found' | 'sync_not_latest',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Records what a namespace is entitled to and puts its delivery into the queue, in one transaction (contract 6).
 * A new row only when the attributes differ from the namespace's last ones. A new sync is tried at once, even while an
 * older one is in its backoff; one that is sent again keeps its backoff.
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
  const digest = canonicalDigest(attrs);
  return withTransaction(pool, async (tx) => {
    const [, latest] = await tx.send(lockNamespace(namespaceId), latestRow(namespaceId));
    const isNew = latest?.attrs_sha256 !== digest || Number(latest.id) <= above;
    const [row] = await tx.send(isNew ? insertRow(namespaceId, digest, attrs) : touchRow(latest.id));
    await enqueue(tx, { namespace_id: namespaceId, sync_id: null }, { keepTime: !isNew });
    await tx.commit();
    return { sync: toSync(row), isNew };
  });
}

/**
 * Asks for a new attempt of an existing sync, now, whatever its backoff.
 * @param options.force also an older sync than the namespace's latest; the API then answers 409, if it has seen
 *   a newer one
 * @throws ResyncRefused
 */
export async function resync(pool: Pool, syncId: number, options: { force: boolean }): Promise<Requested> {
  return withTransaction(pool, async (tx) => {
    const [found] = await tx.send(
      composed('SELECT * FROM gitlab_namespaces_syncs WHERE id = $1', [syncId], firstRow),
    );
    if (!found) throw new ResyncRefused('sync_not_found', `There is no sync ${syncId}`);
    const [, latest] = await tx.send(lockNamespace(found.namespace_id), latestRow(found.namespace_id));
    const isLatest = latest?.id === found.id;
    if (!isLatest && !options.force) {
      throw new ResyncRefused(
        'sync_not_latest',
        `Sync ${syncId} is older than sync ${latest?.id} of namespace ${found.namespace_id}: send that one, or use --force`,
      );
    }
    const [row] = await tx.send(touchRow(found.id));
    await enqueue(tx, { namespace_id: found.namespace_id, sync_id: isLatest ? null : syncId }, {});
    await tx.commit();
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

/** Serialises the writers of one namespace, also for its first row: ids grow in the order of the commits. */
export function lockNamespace(namespaceId: string): Statement<void> {
  const text = 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))';
  return composed(text, [`namespace:${namespaceId}`], nothing);
}

const firstRow = ([row]: SyncRow[]): SyncRow | undefined => row;
const onlyRow = ([row]: SyncRow[]): SyncRow => row as SyncRow;

function latestRow(namespaceId: string): Statement<SyncRow | undefined> {
  return composed(
    'SELECT * FROM gitlab_namespaces_syncs WHERE namespace_id = $1 ORDER BY id DESC LIMIT 1',
    [namespaceId],
    firstRow,
  );
}

function insertRow(namespaceId: string, digest: string, attrs: Attributes): Statement<SyncRow> {
  return composed(
    `INSERT INTO gitlab_namespaces_syncs (created_at, updated_at, namespace_id, attrs_sha256, attrs)
     SELECT now, now, $1, $2, $3 FROM clock_timestamp() AS now RETURNING *`,
    [namespaceId, digest, JSON.stringify(attrs)],
    onlyRow,
  );
}

/** Marks a sync as requested: later than all its attempts, even if the clock was set back, or it would count as sent. */
function touchRow(id: string): Statement<SyncRow> {
  return composed(
    `UPDATE gitlab_namespaces_syncs SET updated_at = greatest(clock_timestamp(), (
       SELECT max(created_at) + interval '1 microsecond' FROM gitlab_namespaces_sync_attempts
       WHERE namespaces_sync_id = $1))
     WHERE id = $1 RETURNING *`,
    [id],
    onlyRow,
  );
}
