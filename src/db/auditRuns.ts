import type { Change, Outcome, UndoResult } from '../domain/sync';
import { changesIn, type Images } from './ledger';
import { composed, type Statement } from './statement';

/** A step that took effect, or that was stopped before it could. */
export interface AuditedStep {
  step: string;
  changes: Change[];
  /** When it was undone; null when it stands. */
  undoneAt: string | null;
  undo: UndoResult | null;
}

/** One run of a sync, as its rows of the ledger tell it. Times are as PostgreSQL prints them, in UTC. */
export interface AuditedRun {
  /** The id of its first row: its place in the time-line. */
  position: string;
  workflowId: string;
  runId: string;
  syncId: string | null;
  correlationId: string | null;
  recordedAt: string;
  /** Null: it goes on, or was terminated. */
  outcome: Outcome | null;
  endedAt: string | null;
  /** From the start of the run to its outcome, in seconds; null where one of the two is not known. */
  durationS: number | null;
  steps: AuditedStep[];
}

interface LedgerRow extends Images {
  position: string;
  workflow_id: string;
  run_id: string;
  sync_id: string | null;
  correlation_id: string | null;
  step: string;
  created_at: string;
  duration_s: string | null;
  result: unknown;
  undone_at: string | null;
  undo_result: UndoResult | null;
}

// A run stands where its first row stands: a row that comes late, e.g. of an undo, moves it to no other page.
const PAGE = `
  WITH page AS (
    SELECT id, workflow_id, run_id FROM provisioning.ledger AS first
    WHERE namespace_id = $1 AND ($2::bigint IS NULL OR id < $2) AND NOT EXISTS (
      SELECT 1 FROM provisioning.ledger AS earlier
      WHERE earlier.run_id = first.run_id AND earlier.workflow_id = first.workflow_id AND earlier.id < first.id)
    ORDER BY id DESC LIMIT $3
  )
  SELECT page.id AS position, workflow_id, run_id, sync_id, correlation_id, step, created_at,
    extract(epoch FROM created_at - run_started_at) AS duration_s, before, after, result, undone_at, undo_result
  FROM page JOIN provisioning.ledger USING (workflow_id, run_id)
  ORDER BY page.id DESC, ledger.id`;

/**
 * One page of the time-line of a namespace, the newest run first.
 * @param before only runs before this position; null for the newest
 * @param limit runs at most
 * @returns the runs, and whether there are older ones
 */
export function findRuns(
  namespaceId: string,
  before: string | null,
  limit: number,
): Statement<{ runs: AuditedRun[]; hasOlder: boolean }> {
  return composed(PAGE, [namespaceId, before, limit + 1], (rows: LedgerRow[]) => {
    const byRun = new Map<string, LedgerRow[]>();
    for (const row of rows) byRun.set(row.position, [...(byRun.get(row.position) ?? []), row]);
    const runs = [...byRun.values()].map(runOf);
    return { runs: runs.slice(0, limit), hasOlder: runs.length > limit };
  });
}

function runOf(rows: LedgerRow[]): AuditedRun {
  const first = rows[0] as LedgerRow;
  const last = rows.find(({ step }) => step === 'recordOutcome');
  return {
    position: first.position,
    workflowId: first.workflow_id,
    runId: first.run_id,
    syncId: first.sync_id,
    correlationId: first.correlation_id,
    recordedAt: first.created_at,
    outcome: last ? (last.result as Outcome) : null,
    endedAt: last?.created_at ?? null,
    durationS: last?.duration_s ? Number(last.duration_s) : null,
    steps: rows.filter(({ step }) => step !== 'admitSync' && step !== 'recordOutcome').map(stepOf),
  };
}

function stepOf(row: LedgerRow): AuditedStep {
  return { step: row.step, changes: changesIn(row), undoneAt: row.undone_at, undo: row.undo_result };
}

/** A step whose values go into the charts: what it changed and when, the oldest first. */
export interface AuditedChange extends Pick<AuditedStep, 'changes' | 'undoneAt' | 'undo'> {
  at: string;
  syncId: string | null;
}

const CHANGES = `
  SELECT * FROM (
    SELECT id, step, sync_id, created_at, before, after, undone_at, undo_result
    FROM provisioning.ledger WHERE namespace_id = $1 ORDER BY id DESC LIMIT $2
  ) AS newest
  WHERE step IN ('updateSubscription', 'updateNamespaceLimits') ORDER BY id`;

/** What the steps of a namespace changed in its subscription and its limits, from the newest `limit` ledger rows. */
export function findChanges(namespaceId: string, limit: number): Statement<AuditedChange[]> {
  return composed(CHANGES, [namespaceId, limit], (rows: LedgerRow[]) =>
    rows.map((row) => ({ ...stepOf(row), at: row.created_at, syncId: row.sync_id })),
  );
}
