import type { Clock } from '../domain/plan';
import type { Provision } from '../domain/provision';
import type { Memories } from '../domain/sync';
import type { NamespaceAtDoor } from './namespaces';
import type { Tx } from './pool';
import { prepared } from './statement';

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

const ADMIT = prepared(
  'admit_run',
  `
  WITH admitted AS (
    INSERT INTO provisioning.fences AS fence (namespace_id, sync_id, workflow_id, run_id, chain_id, updated_at)
    VALUES ($1, $2, $3, $4, $5, now())
    ON CONFLICT (namespace_id) DO UPDATE
      SET sync_id = greatest(fence.sync_id, excluded.sync_id), workflow_id = excluded.workflow_id,
          run_id = excluded.run_id, chain_id = excluded.chain_id, updated_at = now()
      WHERE excluded.sync_id IS NULL OR fence.sync_id IS NULL OR fence.sync_id <= excluded.sync_id
    RETURNING namespace_id
  )
  SELECT EXISTS (SELECT FROM admitted) AS "isAdmitted", now()::text AS now, current_date::text AS today`,
);

/**
 * Makes this run the one that may write to the namespace, unless a newer sync was admitted before (contract 5).
 * @returns the transaction's time, and the newer sync's id if there was one
 */
export async function admitRun(tx: Tx, run: RunIdentity): Promise<Clock & { supersededBy?: number }> {
  const { rows } = await tx.query<Clock & { isAdmitted: boolean }>(
    ADMIT(run.namespaceId, run.syncId, run.workflowId, run.runId, run.chainId),
  );
  const { isAdmitted, ...clock } = rows[0] as (typeof rows)[0];
  if (isAdmitted) return clock;
  const { rows: fences } = await tx.query<{ sync_id: string }>(
    'SELECT sync_id FROM provisioning.fences WHERE namespace_id = $1',
    [run.namespaceId],
  );
  return { ...clock, supersededBy: Number(fences[0]?.sync_id) };
}

const FIND_EARLIER = prepared(
  'find_earlier_runs',
  `
  SELECT
    CASE WHEN run_id <> $2 AND NOT EXISTS (
      SELECT 1 FROM provisioning.ledger
      WHERE ledger.run_id = fence.run_id AND ledger.workflow_id = fence.workflow_id AND step = 'recordOutcome'
    ) THEN run_id END AS "unfinishedRun",
    CASE WHEN sync_id = $3 THEN (
      SELECT coalesce((
        SELECT pg_catalog.jsonb_object_agg(step, result -> 'memories') FROM provisioning.ledger
        WHERE run_id = same.run_id AND workflow_id = same.workflow_id AND undone_at IS NULL
          AND result -> 'memories' IS NOT NULL
      ), '{}')
      FROM (
        SELECT run_id, workflow_id FROM provisioning.ledger AS outcome
        JOIN provisioning.ledger AS admission USING (run_id, workflow_id)
        WHERE outcome.namespace_id = $1 AND outcome.sync_id = $3 AND outcome.step = 'recordOutcome'
          AND admission.step = 'admitSync' AND admission.result #> '{input,provision}' = $4::jsonb
          AND (outcome.result ->> 'status' = 'success'
            OR outcome.result ->> 'status' = 'error' AND admission.result #>> '{input,policy}' = 'independent')
        ORDER BY outcome.id DESC LIMIT 1
      ) AS same
    ) END AS memories
  FROM provisioning.fences AS fence WHERE namespace_id = $1`,
);

/** What earlier runs of the namespace mean for one that is to be admitted. */
export interface EarlierRuns {
  /**
   * The run that was admitted before this one, if it has no outcome: it was terminated, and what its steps did stands
   * (or it was cancelled before its first step, and there is nothing). Else null.
   */
  unfinishedRun: string | null;
  /** What the last run left to know that applied the same sync: same id, same request. Null: the sync is new. */
  memories: Memories | null;
}

/** Looks for earlier runs of the namespace (contract 5). @param provision what the sync asks for */
export async function findEarlierRuns(tx: Tx, run: RunIdentity, provision: Provision): Promise<EarlierRuns> {
  const { rows } = await tx.query<{
    unfinishedRun: string | null;
    memories: Record<string, Memories> | null;
  }>(FIND_EARLIER(run.namespaceId, run.runId, run.syncId, JSON.stringify(provision)));
  const { unfinishedRun = null, memories = null } = rows[0] ?? {};
  return { unfinishedRun, memories: memories && (Object.assign({}, ...Object.values(memories)) as Memories) };
}

/** What a step finds at the fence: the transaction's time, and whether the run may still write. */
export interface Passage extends Clock {
  /** Null: it was deleted, or turned into a project. */
  namespace: Pick<NamespaceAtDoor, 'parentId'> | null;
  /** The newer sync (its id, or null when it carried none) that overtook this run; undefined when none did. */
  overtakenBy?: number | null;
}

// The namespace is held, too: until the transaction ends it cannot be deleted. In this order, as whoever deletes it should
// not wait for a step that waits for the fence.
const PASS = prepared(
  'pass_fence',
  `
  WITH fence AS MATERIALIZED (
    SELECT sync_id, chain_id FROM provisioning.fences WHERE namespace_id = $1 FOR UPDATE
  )
  SELECT fence.*, namespace.*, now()::text AS now, current_date::text AS today
  FROM fence LEFT JOIN LATERAL (
    SELECT id, parent_id AS "parentId" FROM namespaces WHERE id = $1 AND type::text <> 'Project' FOR KEY SHARE
  ) AS namespace ON true`,
);

/**
 * Takes the namespace's lock for the rest of the transaction. Two attempts of one step, or a step of a
 * terminated run and its successor, follow each other here instead of interleaving.
 * @throws when the run was never admitted
 */
export async function passFence(tx: Tx, run: RunIdentity): Promise<Passage> {
  const { rows } = await tx.query<
    Clock & { sync_id: string | null; chain_id: string; id: string | null; parentId: string | null }
  >(PASS(run.namespaceId));
  const fence = rows[0];
  if (!fence) throw new Error(`namespace ${run.namespaceId} has no fence: the run was never admitted`);
  const namespace = fence.id === null ? null : { parentId: fence.parentId };
  const passage = { now: fence.now, today: fence.today, namespace };
  const newest = fence.sync_id === null ? null : Number(fence.sync_id);
  const isOvertaken =
    fence.chain_id !== run.chainId || (run.syncId !== null && newest !== null && newest > run.syncId);
  return isOvertaken ? { ...passage, overtakenBy: newest } : passage;
}

/**
 * Takes the namespace's lock like `passFence`, also for a run that may not have been admitted: one that was stopped
 * while its first step, which admits it, was under way.
 * @returns whether the namespace has not been deleted
 */
export async function lockFence(tx: Tx, run: RunIdentity): Promise<{ hasNamespace: boolean }> {
  const { rows } = await tx.query<{ hasNamespace: boolean }>(
    `WITH namespace AS (SELECT id FROM namespaces WHERE id = $1 FOR KEY SHARE)
     INSERT INTO provisioning.fences AS fence (namespace_id, workflow_id, run_id, chain_id, updated_at)
     VALUES ($1, $2, $3, $4, now())
     ON CONFLICT (namespace_id) DO UPDATE SET updated_at = fence.updated_at
     RETURNING EXISTS (SELECT FROM namespace) AS "hasNamespace"`,
    [run.namespaceId, run.workflowId, run.runId, run.chainId],
  );
  return rows[0] as (typeof rows)[0];
}
