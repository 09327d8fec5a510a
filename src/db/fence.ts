import type { Clock } from '../domain/plan';
import type { Memories, SyncInput } from '../domain/sync';
import { inOrderOf, mapped, prepared, type Statement } from './statement';

/** Who asks: one run of the workflow of one namespace. */
export interface RunIdentity {
  namespaceId: string;
  syncId: number | null;
  workflowId: string;
  runId: string;
  /** The first run of the chain: a reset run keeps it (contract 5). */
  chainId: string;
  /** ISO 8601. */
  startedAt: string;
}

/** How a run fares at the fence of its namespace. */
export interface Admitted {
  /** False: a newer sync was admitted before. */
  isAdmitted: boolean;
  /** The transaction's time. */
  clock: Clock;
}

const ADMIT = prepared(
  'admit_runs',
  `
  WITH admitted AS (
    INSERT INTO provisioning.fences AS fence (namespace_id, sync_id, workflow_id, run_id, chain_id, updated_at)
    SELECT run.*, now() FROM ROWS FROM (
      pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::bigint[]), pg_catalog.unnest($3::text[]),
      pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[])
    ) AS run
    ON CONFLICT (namespace_id) DO UPDATE
      SET sync_id = greatest(fence.sync_id, excluded.sync_id), workflow_id = excluded.workflow_id,
          run_id = excluded.run_id, chain_id = excluded.chain_id, updated_at = now()
      WHERE excluded.sync_id IS NULL OR fence.sync_id IS NULL OR fence.sync_id <= excluded.sync_id
    RETURNING namespace_id
  )
  SELECT now()::text AS now, current_date::text AS today,
    (SELECT coalesce(pg_catalog.array_to_json(pg_catalog.array_agg(namespace_id::text)), '[]') FROM admitted) AS admitted`,
  (rows: (Clock & { admitted: string[] })[]) => rows[0] as (typeof rows)[0],
);

/**
 * Makes runs, one a namespace, those that may write to it, unless a newer sync was admitted before (contract 5). Run
 * again by itself it changes nothing.
 * @returns in the order of the runs
 */
export function admitRuns(runs: readonly RunIdentity[]): Statement<Admitted[]> {
  const statement = ADMIT(
    runs.map(({ namespaceId }) => namespaceId),
    runs.map(({ syncId }) => syncId),
    runs.map(({ workflowId }) => workflowId),
    runs.map(({ runId }) => runId),
    runs.map(({ chainId }) => chainId),
  );
  return mapped(statement, ({ admitted, ...clock }) => {
    const namespaces = new Set(admitted);
    return runs.map(({ namespaceId }) => ({ isAdmitted: namespaces.has(namespaceId), clock }));
  });
}

/** The highest sync id that was admitted for a namespace; null where none was. */
export const newestSyncId = prepared(
  'find_newest_sync_id',
  'SELECT sync_id FROM provisioning.fences WHERE namespace_id = $1',
  (rows: { sync_id: string | null }[]) => numberOf(rows[0]?.sync_id ?? null),
) as (namespaceId: string) => Statement<number | null>;

/** What earlier runs of a namespace mean for one that is to be admitted. */
export interface EarlierRuns {
  /**
   * The run that was admitted before this one, if it has no outcome: it was terminated, and what its steps did stands
   * (or it was cancelled before its first step, and there is nothing). Else null.
   */
  unfinishedRun: string | null;
  /** What the last run that applied the same sync, same id and same request, kept for it. Null: the sync is new. */
  memories: Memories | null;
}

const FIND_EARLIER = prepared(
  'find_earlier_runs',
  `
  SELECT fence.namespace_id,
    CASE WHEN fence.run_id <> asked.run_id AND NOT EXISTS (
      SELECT 1 FROM provisioning.ledger
      WHERE ledger.run_id = fence.run_id AND ledger.workflow_id = fence.workflow_id AND step = 'recordOutcome'
    ) THEN fence.run_id END AS "unfinishedRun",
    CASE WHEN fence.sync_id = asked.sync_id THEN (
      SELECT coalesce((
        SELECT pg_catalog.jsonb_object_agg(step, result -> 'memories') FROM provisioning.ledger
        WHERE run_id = same.run_id AND workflow_id = same.workflow_id AND undone_at IS NULL
          AND result -> 'memories' IS NOT NULL
      ), '{}')
      FROM (
        SELECT run_id, workflow_id FROM provisioning.ledger AS outcome
        JOIN provisioning.ledger AS admission USING (run_id, workflow_id)
        WHERE outcome.namespace_id = fence.namespace_id AND outcome.sync_id = asked.sync_id
          AND outcome.step = 'recordOutcome' AND admission.step = 'admitSync'
          AND admission.result #> '{input,provision}' = asked.provision::jsonb
          AND (outcome.result ->> 'status' = 'success'
            OR outcome.result ->> 'status' = 'error' AND admission.result #>> '{input,policy}' = 'independent')
        ORDER BY outcome.id DESC LIMIT 1
      ) AS same
    ) END AS memories
  FROM ROWS FROM (
    pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::bigint[]),
    pg_catalog.unnest($4::text[])
  ) AS asked (namespace_id, run_id, sync_id, provision)
  JOIN provisioning.fences AS fence USING (namespace_id)`,
  (
    rows: { namespace_id: string; unfinishedRun: string | null; memories: Record<string, Memories> | null }[],
  ) => rows,
);

/**
 * Looks for earlier runs of namespaces (contract 5).
 * @param syncs those that are to be admitted, and their run ids
 * @returns in the order of the syncs
 */
export function findEarlierRuns(
  syncs: readonly { runId: string; input: SyncInput }[],
): Statement<EarlierRuns[]> {
  const statement = FIND_EARLIER(
    syncs.map(({ input }) => input.namespace_id),
    syncs.map(({ runId }) => runId),
    syncs.map(({ input }) => input.sync_id),
    syncs.map(({ input }) => JSON.stringify(input.provision)),
  );
  const ids = syncs.map(({ input }) => input.namespace_id);
  return mapped(statement, (rows) =>
    inOrderOf(ids, rows, (row) => row.namespace_id).map((row) => ({
      unfinishedRun: row?.unfinishedRun ?? null,
      memories: row?.memories ? (Object.assign({}, ...Object.values(row.memories)) as Memories) : null,
    })),
  );
}

/** What a step finds at the fence of its namespace. */
export interface FenceState {
  /** The transaction's time. */
  clock: Clock;
  /** Null: it was deleted, or turned into a project. */
  namespace: { parentId: string | null } | null;
  /** The newer sync (its id, or null when it carried none) that has overtaken the run; undefined: none has. */
  overtakenBy?: number | null;
}

interface FenceRow extends Clock {
  namespace_id: string;
  sync_id: string | null;
  chain_id: string;
  id: string | null;
  parentId: string | null;
}

// The namespace is locked, too: until the transaction ends it cannot be deleted. In this order: whoever deletes it should
// not wait for a step that waits for the fence.
const TAKE = prepared(
  'take_fences',
  `
  WITH fence AS MATERIALIZED (
    SELECT namespace_id, sync_id, chain_id FROM provisioning.fences WHERE namespace_id = ANY ($1::bigint[])
    ORDER BY namespace_id FOR UPDATE
  )
  SELECT fence.*, namespace.*, now()::text AS now, current_date::text AS today
  FROM fence LEFT JOIN LATERAL (
    SELECT id, parent_id AS "parentId" FROM namespaces WHERE id = fence.namespace_id AND type::text <> 'Project'
    FOR KEY SHARE
  ) AS namespace ON true`,
  (rows: FenceRow[]) => rows,
);

/**
 * Takes the locks of namespaces for the rest of the transaction. Two attempts of one step, or a step of a terminated run
 * and its successor, follow each other here instead of interleaving.
 * @param runs one a namespace
 * @returns in the order of the runs
 * @throws when a run was never admitted
 */
export function takeFences(runs: readonly RunIdentity[]): Statement<FenceState[]> {
  const ids = runs.map(({ namespaceId }) => namespaceId);
  return mapped(TAKE(ids), (rows) =>
    inOrderOf(ids, rows, (row) => row.namespace_id).map((row, index) =>
      stateFor(runs[index] as RunIdentity, row),
    ),
  );
}

function stateFor(run: RunIdentity, row: FenceRow | undefined): FenceState {
  if (!row) throw new Error(`namespace ${run.namespaceId} has no fence: the run was never admitted`);
  const state = {
    clock: { now: row.now, today: row.today },
    namespace: row.id === null ? null : { parentId: row.parentId },
  };
  const newest = numberOf(row.sync_id);
  const isOvertaken =
    row.chain_id !== run.chainId || (run.syncId !== null && newest !== null && newest > run.syncId);
  return isOvertaken ? { ...state, overtakenBy: newest } : state;
}

const LOCK = prepared(
  'lock_fence',
  `WITH namespace AS (SELECT id FROM namespaces WHERE id = $1 FOR KEY SHARE)
   INSERT INTO provisioning.fences AS fence (namespace_id, workflow_id, run_id, chain_id, updated_at)
   VALUES ($1, $2, $3, $4, now())
   ON CONFLICT (namespace_id) DO UPDATE SET updated_at = fence.updated_at
   RETURNING EXISTS (SELECT FROM namespace) AS "hasNamespace"`,
  (rows: { hasNamespace: boolean }[]) => rows[0]?.hasNamespace ?? false,
);

/**
 * Takes the lock of a namespace also for a run that may not have been admitted: one that was stopped while its first
 * step, which admits it, was under way.
 * @returns whether the namespace has not been deleted
 */
export function lockFence(run: RunIdentity): Statement<boolean> {
  return LOCK(run.namespaceId, run.workflowId, run.runId, run.chainId);
}

function numberOf(int8: string | null): number | null {
  return int8 === null ? null : Number(int8);
}
