import type { Pool } from 'pg';
import { isJsonObject, canonicalJson } from '../domain/json';
import type { AttemptState } from './attempts';
import { messageOf } from './readAnswer';

/** A sync and its attempts, as `provisioner syncs --json` prints them. Times are ISO 8601, in UTC. */
export interface AuditedSync {
  sync_id: number;
  namespace_id: string;
  attrs: unknown;
  attrs_sha256: string;
  created_at: string;
  /** What differs from the namespace's previous sync; null: this is its first. */
  changes: AttributeChange[] | null;
  /** False: a newer one of its namespace is sent instead. */
  is_latest: boolean;
  attempts: AuditedAttempt[];
}

/** One value that differs between two syncs; `before` or `after` is absent where the value is. */
export interface AttributeChange {
  /** E.g. `base_product.seats` or `add_on_purchases.duo_pro[0].quantity`. */
  path: string;
  before?: unknown;
  after?: unknown;
}

export interface AuditedAttempt {
  id: number;
  /** Counted from 1 since the sync was last asked to be sent. */
  try: number;
  state: AttemptState;
  http_status: number | null;
  /** The answer's message, or why there is none. */
  message: string | null;
  /** The answer's entry of each section. */
  payload: unknown;
  created_at: string;
  finished_at: string | null;
  duration_ms: number | null;
  /** When a failed one is tried again. */
  retry_at: string | null;
  correlation_id: string;
  workflow_id: string | null;
  run_id: string | null;
}

export interface AuditFilter {
  namespaceId: string | null;
  /** Only those whose last attempt failed, partially or as a whole. */
  failed: boolean;
  /** At most so many, the newest ones. */
  limit: number;
}

/** Lists syncs with their attempts, both oldest first. */
export async function listSyncs(pool: Pool, filter: AuditFilter): Promise<AuditedSync[]> {
  const { rows } = await pool.query<AuditRow>(LIST, [filter.namespaceId, filter.failed, filter.limit]);
  return rows.map((row) => ({
    sync_id: Number(row.id),
    namespace_id: row.namespace_id,
    attrs: row.attrs,
    attrs_sha256: row.attrs_sha256,
    created_at: iso(row.created_at),
    changes: row.is_first ? null : changesBetween(row.previous_attrs, row.attrs),
    is_latest: row.is_latest,
    attempts: row.attempts.map(toAttempt),
  }));
}

/** The attempts of one sync that began at `since` or later, in order. */
export async function attemptsOf(pool: Pool, syncId: number, since: string): Promise<AuditedAttempt[]> {
  const { rows } = await pool.query<{ attempts: AttemptRow[] }>(
    `SELECT coalesce(json_agg(t ORDER BY id), '[]') AS attempts FROM gitlab_namespaces_sync_attempts t
     WHERE namespaces_sync_id = $1 AND created_at >= $2`,
    [syncId, since],
  );
  return (rows[0]?.attempts ?? []).map(toAttempt);
}

const LIST = `
  SELECT * FROM (
    SELECT s.*, p.id IS NULL AS is_first, p.attrs AS previous_attrs, coalesce(a.attempts, '[]') AS attempts,
      NOT EXISTS (SELECT FROM gitlab_namespaces_syncs WHERE namespace_id = s.namespace_id AND id > s.id) AS is_latest
    FROM gitlab_namespaces_syncs s
    LEFT JOIN LATERAL (
      SELECT * FROM gitlab_namespaces_syncs
      WHERE namespace_id = s.namespace_id AND id < s.id ORDER BY id DESC LIMIT 1
    ) p ON true
    LEFT JOIN LATERAL (
      SELECT json_agg(t ORDER BY t.id) AS attempts, (array_agg(t.state ORDER BY t.id DESC))[1] AS last_state
      FROM gitlab_namespaces_sync_attempts t WHERE namespaces_sync_id = s.id
    ) a ON true
    WHERE ($1::bigint IS NULL OR s.namespace_id = $1::bigint)
      AND (NOT $2::boolean OR a.last_state IN ('failed', 'partially_failed'))
    ORDER BY s.id DESC LIMIT $3
  ) newest ORDER BY id`;

interface AuditRow {
  id: string;
  namespace_id: string;
  attrs: unknown;
  attrs_sha256: string;
  created_at: string;
  is_first: boolean;
  is_latest: boolean;
  previous_attrs: unknown;
  attempts: AttemptRow[];
}

/** A row as JSON: its numbers are numbers. */
interface AttemptRow extends Omit<AuditedAttempt, 'message' | 'payload' | 'finished_at'> {
  updated_at: string;
  response: unknown;
  error: string | null;
}

function toAttempt(row: AttemptRow): AuditedAttempt {
  return {
    id: row.id,
    try: row.try,
    state: row.state,
    http_status: row.http_status,
    message: row.error ?? messageOf(row.response),
    payload: isJsonObject(row.response) ? (row.response['payload'] ?? null) : null,
    created_at: iso(row.created_at),
    finished_at: row.state === 'started' ? null : iso(row.updated_at),
    duration_ms: row.duration_ms,
    retry_at: row.retry_at === null ? null : iso(row.retry_at),
    correlation_id: row.correlation_id,
    workflow_id: row.workflow_id,
    run_id: row.run_id,
  };
}

function iso(time: string): string {
  return new Date(time).toISOString();
}

/** What changed from one sync's attributes to the next one's, value by value, in the order of the paths. */
export function changesBetween(before: unknown, after: unknown): AttributeChange[] {
  const [old, now] = [leaves(before), leaves(after)];
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  return paths.flatMap((path) => {
    if (old.has(path) && now.has(path) && canonicalJson(old.get(path)) === canonicalJson(now.get(path)))
      return [];
    return [
      {
        path,
        ...(old.has(path) && { before: old.get(path) }),
        ...(now.has(path) && { after: now.get(path) }),
      },
    ];
  });
}

/** Scalars, empty objects and empty arrays by their path. */
function leaves(value: unknown, path = '', into = new Map<string, unknown>()): Map<string, unknown> {
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (members.length === 0) return into.set(path, value);
  for (const [key, member] of members) {
    const name = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    leaves(member, name, into);
  }
  return into;
}
