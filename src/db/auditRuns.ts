import type { Outcome, UndoResult } from '../domain/sync';
import type { LedgerChange } from './ledger';
import type { Tx } from './pool';
import type { RowImage } from './rows';

/** A step that took effect, or that was stopped before it could. */
export interface AuditedStep {
  step: string;
  changes: LedgerChange[];
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

type Image = RowImage & Pick<LedgerChange, 'section'>;

interface LedgerRow {
  position: string;
  workflow_id: string;
  run_id: string;
  sync_id: string | null;
  correlation_id: string | null;
  step: string;
  created_at: string;
  duration_s: string | null;
  before: Image[];
  after: Image[];
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
export async function findRuns(
  tx: Tx,
  namespaceId: string,
  before: string | null,
  limit: number,
): Promise<{ runs: AuditedRun[]; hasOlder: boolean }> {
  const { rows } = await tx.query<LedgerRow>(PAGE, [namespaceId, before, limit + 1]);
  const byRun = new Map<string, LedgerRow[]>();
  for (const row of rows) byRun.set(row.position, [...(byRun.get(row.position) ?? []), row]);
  const runs = [...byRun.values()].map(runOf);
  return { runs: runs.slice(0, limit), hasOlder: runs.length > limit };
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

function stepOf({ step, before, after, undone_at, undo_result }: LedgerRow): AuditedStep {
  const changes = after.map(({ section, ...image }, index) => ({
    section,
    before: before[index] as Image,
    after: image,
  }));
  return { step, changes, undoneAt: undone_at, undo: undo_result };
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
export async function findChanges(tx: Tx, namespaceId: string, limit: number): Promise<AuditedChange[]> {
  const { rows } = await tx.query<LedgerRow>(CHANGES, [namespaceId, limit]);
  return rows.map((row) => ({ ...stepOf(row), at: row.created_at, syncId: row.sync_id }));
}
