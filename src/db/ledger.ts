import type { SectionName } from '../domain/sections';
import type { RunIdentity } from './fence';
import type { Tx } from './pool';
import type { RowChange, RowImage } from './rows';

/** A row that a step changed, and the section that asked for it. */
export interface LedgerChange extends RowChange {
  section: SectionName;
}

/** What one step left behind when it took effect. */
export interface LedgerEntry<Result> {
  step: string;
  attempt: number;
  correlationId: string | null;
  changes: LedgerChange[];
  result: Result;
  outboxIds: string[];
}

/** A ledger row as it is read back. */
export interface RecordedStep<Result> {
  changes: LedgerChange[];
  result: Result;
  outboxIds: string[];
  undoResult: unknown;
}

const INSERT = `
  INSERT INTO provisioning.ledger
    (namespace_id, sync_id, workflow_id, run_id, step, attempt, correlation_id, before, after, result, outbox_ids, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now())`;

/** Records a step's effect in the transaction that makes it (contract 5: exactly once per run). */
export async function recordStep<Result>(
  tx: Tx,
  run: RunIdentity,
  entry: LedgerEntry<Result>,
): Promise<void> {
  const images = (side: 'before' | 'after') =>
    JSON.stringify(entry.changes.map((change) => ({ section: change.section, ...change[side] })));
  await tx.query(INSERT, [
    run.namespaceId,
    run.syncId,
    run.workflowId,
    run.runId,
    entry.step,
    entry.attempt,
    entry.correlationId,
    images('before'),
    images('after'),
    JSON.stringify(entry.result),
    entry.outboxIds,
  ]);
}

const FIND = `
  SELECT before, after, result, outbox_ids::text[] AS outbox_ids, undo_result
  FROM provisioning.ledger WHERE run_id = $1 AND workflow_id = $2 AND step = $3`;

/** The step's row of this run, or null when it has not taken effect. */
export async function findStep<Result>(
  tx: Tx,
  run: RunIdentity,
  step: string,
): Promise<RecordedStep<Result> | null> {
  type Image = RowImage & { section: SectionName };
  const { rows } = await tx.query<{
    before: Image[];
    after: Image[];
    result: Result;
    outbox_ids: string;
    undo_result: unknown;
  }>(FIND, [run.runId, run.workflowId, step]);
  const row = rows[0];
  if (!row) return null;
  return {
    changes: row.after.map(({ section, ...after }, index) => {
      const { table, key, values } = row.before[index] as Image;
      return { section, before: { table, key, values }, after };
    }),
    result: row.result,
    outboxIds: row.outbox_ids.replace(/[{}]/g, '').split(',').filter(Boolean),
    undoResult: row.undo_result,
  };
}

/** Marks a step as undone, in the transaction that undid it. */
export async function recordUndo(tx: Tx, run: RunIdentity, step: string, undoResult: unknown): Promise<void> {
  await tx.query(
    `UPDATE provisioning.ledger SET undone_at = now(), undo_result = $4
     WHERE run_id = $1 AND workflow_id = $2 AND step = $3`,
    [run.runId, run.workflowId, step, JSON.stringify(undoResult)],
  );
}
