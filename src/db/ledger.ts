import type { Pool } from 'pg';
import type { SectionName } from '../domain/sections';
import type { RunIdentity } from './fence';
import type { Tx } from './pool';
import type { RowChange, RowImage } from './rows';
import { made, prepared } from './statement';

/** A row that a step changed, and the section that asked for it. */
export interface LedgerChange extends RowChange {
  section: SectionName;
}

/** What one step left behind when it took effect. */
export interface LedgerEntry {
  step: string;
  attempt: number;
  correlationId: string | null;
  changes: LedgerChange[];
  result: unknown;
  outboxIds: string[];
}

/** A ledger row as it is read back. */
export interface RecordedStep {
  changes: LedgerChange[];
  result: unknown;
  outboxIds: string[];
  undoResult: unknown;
}

const COLUMNS = `namespace_id, sync_id, workflow_id, run_id, run_started_at, step, attempt, correlation_id,
  before, after, result, outbox_ids`;

/** Records the effects of steps in the transaction that makes them (contract 5: exactly once per run). */
export async function recordSteps(tx: Tx, run: RunIdentity, entries: LedgerEntry[]): Promise<void> {
  const images = (changes: LedgerChange[], side: 'before' | 'after') =>
    JSON.stringify(changes.map((change) => ({ section: change.section, ...change[side] })));
  const of = [run.namespaceId, run.syncId, run.workflowId, run.runId, run.startedAt];
  const rows = entries.map(({ step, attempt, correlationId, changes, result, outboxIds }) => [
    step,
    attempt,
    correlationId,
    images(changes, 'before'),
    images(changes, 'after'),
    JSON.stringify(result),
    outboxIds,
  ]);
  let parameter = of.length;
  const lists = rows.map(
    (row) => `($1, $2, $3, $4, $5, ${row.map(() => `$${++parameter}`).join(', ')}, now())`,
  );
  await tx.query(
    made(`INSERT INTO provisioning.ledger (${COLUMNS}, created_at) VALUES ${lists.join(', ')}`, [
      ...of,
      ...rows.flat(),
    ]),
  );
}

const FIND = prepared(
  'find_steps',
  `
  SELECT step, before, after, result, outbox_ids::text[] AS outbox_ids, undo_result
  FROM provisioning.ledger WHERE run_id = $1 AND workflow_id = $2 AND ($3::text[] IS NULL OR step = ANY ($3))`,
);

/**
 * The steps of this run that have taken effect, by name.
 * @param steps the names to look for, as the images of others may be large; null: all
 */
export async function findSteps(
  tx: Tx,
  run: RunIdentity,
  steps: string[] | null,
): Promise<Map<string, RecordedStep>> {
  type Image = RowImage & { section: SectionName };
  const { rows } = await tx.query<{
    step: string;
    before: Image[];
    after: Image[];
    result: unknown;
    outbox_ids: string;
    undo_result: unknown;
  }>(FIND(run.runId, run.workflowId, steps));
  return new Map(
    rows.map((row) => [
      row.step,
      {
        changes: row.after.map(({ section, ...after }, index) => {
          const { table, key, values } = row.before[index] as Image;
          return { section, before: { table, key, values }, after };
        }),
        result: row.result,
        outboxIds: row.outbox_ids.replace(/[{}]/g, '').split(',').filter(Boolean),
        undoResult: row.undo_result,
      },
    ]),
  );
}

/** Whether a run has its outcome: what it answers was decided then, whatever has been written since. */
export async function hasOutcome(pool: Pool, workflowId: string, runId: string): Promise<boolean> {
  const { rows } = await pool.query(
    `SELECT 1 FROM provisioning.ledger WHERE run_id = $1 AND workflow_id = $2 AND step = 'recordOutcome'`,
    [runId, workflowId],
  );
  return rows.length > 0;
}

/** Marks a step as undone, in the transaction that undid it. */
export async function recordUndo(tx: Tx, run: RunIdentity, step: string, undoResult: unknown): Promise<void> {
  await tx.query(
    `UPDATE provisioning.ledger SET undone_at = now(), undo_result = $4
     WHERE run_id = $1 AND workflow_id = $2 AND step = $3`,
    [run.runId, run.workflowId, step, JSON.stringify(undoResult)],
  );
}
