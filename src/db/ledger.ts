import type { ColumnValues, Table } from '../domain/plan';
import type { SectionName } from '../domain/sections';
import type { Change } from '../domain/sync';
import type { RunIdentity } from './fence';
import { nothing, prepared, type Statement } from './statement';

/** What one step left behind when it took effect. */
export interface LedgerEntry {
  step: string;
  attempt: number;
  correlationId: string | null;
  changes: Change[];
  result: unknown;
  outboxIds: string[];
}

/** A ledger row as it is read back. */
export interface RecordedStep {
  changes: Change[];
  result: unknown;
  outboxIds: string[];
  undoResult: unknown;
}

/** One side of a change, as the ledger keeps it. */
interface Image {
  section: SectionName;
  table: Table;
  key: string;
  values: ColumnValues | null;
}

const RECORD = prepared(
  'record_steps',
  `INSERT INTO provisioning.ledger (namespace_id, sync_id, workflow_id, run_id, run_started_at, step, attempt,
     correlation_id, before, after, result, outbox_ids, created_at)
   SELECT $1, $2, $3, $4, $5, step, attempt, correlation_id, before::jsonb, after::jsonb, result::jsonb,
     outbox_ids::bigint[], now()
   FROM ROWS FROM (
     pg_catalog.unnest($6::text[]), pg_catalog.unnest($7::integer[]), pg_catalog.unnest($8::text[]),
     pg_catalog.unnest($9::text[]), pg_catalog.unnest($10::text[]), pg_catalog.unnest($11::text[]),
     pg_catalog.unnest($12::text[])
   ) WITH ORDINALITY AS entry (step, attempt, correlation_id, before, after, result, outbox_ids, position)
   ORDER BY position`,
  nothing,
);

/** Records the effects of steps in the transaction that makes them (contract 5: exactly once per run). */
export function recordSteps(run: RunIdentity, entries: readonly LedgerEntry[]): Statement<void> {
  const images = (side: 'before' | 'after') =>
    entries.map(({ changes }) =>
      JSON.stringify(
        changes.map((change) => {
          const { section, table, key, [side]: values } = change;
          return { section, table, key, values } satisfies Image;
        }),
      ),
    );
  return RECORD(
    ...[run.namespaceId, run.syncId, run.workflowId, run.runId, run.startedAt],
    entries.map(({ step }) => step),
    entries.map(({ attempt }) => attempt),
    entries.map(({ correlationId }) => correlationId),
    images('before'),
    images('after'),
    entries.map(({ result }) => JSON.stringify(result)),
    entries.map(({ outboxIds }) => `{${outboxIds.join(',')}}`),
  );
}

interface StepRow extends Images {
  step: string;
  result: unknown;
  outbox_ids: string;
  undo_result: unknown;
}

const FIND = prepared(
  'find_steps',
  `
  SELECT step, before, after, result, outbox_ids::text[] AS outbox_ids, undo_result
  FROM provisioning.ledger WHERE run_id = $1 AND workflow_id = $2 AND ($3::text[] IS NULL OR step = ANY ($3))`,
  (rows: StepRow[]) => new Map(rows.map((row) => [row.step, recordedStep(row)])),
);

function recordedStep(row: StepRow): RecordedStep {
  return {
    changes: changesIn(row),
    result: row.result,
    outboxIds: row.outbox_ids.replace(/[{}]/g, '').split(',').filter(Boolean),
    undoResult: row.undo_result,
  };
}

/** The two columns of the ledger that hold what a step changed. */
export interface Images {
  before: Image[];
  after: Image[];
}

/** The rows that a step changed, as its ledger row keeps them. */
export function changesIn({ before, after }: Images): Change[] {
  return after.map(({ values, ...row }, index) => ({
    ...row,
    before: before[index]?.values ?? null,
    after: values,
  }));
}

/**
 * The steps of this run that have taken effect, by name.
 * @param steps the names to look for, as the images of others may be large; null: all
 */
export function findSteps(run: RunIdentity, steps: string[] | null): Statement<Map<string, RecordedStep>> {
  return FIND(run.runId, run.workflowId, steps);
}

/** Whether a run has its outcome: what it answers was decided then, whatever has been written since. */
export const hasOutcome = prepared(
  'has_outcome',
  `SELECT 1 FROM provisioning.ledger WHERE run_id = $2 AND workflow_id = $1 AND step = 'recordOutcome'`,
  (rows) => rows.length > 0,
) as (workflowId: string, runId: string) => Statement<boolean>;

const UNDO = prepared(
  'record_undo',
  `UPDATE provisioning.ledger SET undone_at = now(), undo_result = $4
   WHERE run_id = $1 AND workflow_id = $2 AND step = $3`,
  nothing,
);

/** Marks a step as undone, in the transaction that undoes it. */
export function recordUndo(run: RunIdentity, step: string, undoResult: unknown): Statement<void> {
  return UNDO(run.runId, run.workflowId, step, JSON.stringify(undoResult));
}
