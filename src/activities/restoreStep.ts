import { Context } from '@temporalio/activity';
import { lockFence } from '../db/fence';
import { findSteps, recordSteps, recordUndo, type LedgerChange } from '../db/ledger';
import { deleteFollowUps } from '../db/outbox';
import type { GitlabSchema } from '../db/gitlabSchema';
import { withTransaction, type Tx } from '../db/pool';
import { restoreRow, type RowWriter } from '../db/rows';
import { databaseFailure } from '../db/sqlState';
import type { SectionEntries } from '../domain/failures';
import { sectionsOf, type Step } from '../domain/steps';
import type { DatabaseRefusal, Opening, StepInput, TooLate, UndoResult } from '../domain/sync';
import type { ActivityDependencies } from './dependencies';
import { databaseRefusal, logRefusals } from './databaseRefusal';
import { OUTCOME, outcomeIn } from './recordOutcome';
import { inputOf, runIdentity } from './runIdentity';

const CHANGED_SINCE = 'Not rolled back: changed since by another writer';

/**
 * Undoes one step of a run, newest write first: each row gets the values from before the step, if it still holds
 * what the step wrote; follow-up work is taken back (contract 3). Run again it returns the first result. A step
 * that has not taken effect is marked, so that a late attempt of it cannot take effect any more. A run that has its
 * outcome stays as it is: the outcome may have been answered.
 */
export async function restoreStep(
  deps: ActivityDependencies,
  definition: Step,
  of: Opening | StepInput,
): Promise<UndoResult | TooLate> {
  const input = inputOf(deps, of);
  const run = runIdentity(input);
  const { step } = definition;
  let isFirst = false;
  const undo =
    (schema: GitlabSchema) =>
    async (tx: Tx): Promise<UndoResult | TooLate> => {
      const { hasNamespace } = await lockFence(tx, run); // also an overtaken run takes back what it wrote
      const steps = await findSteps(tx, run, [step, OUTCOME]);
      const outcome = outcomeIn(steps);
      if (outcome) return { recorded: outcome };
      const recorded = steps.get(step);
      if (recorded?.undoResult) return recorded.undoResult as UndoResult;

      const result: UndoResult = { entries: {}, restored: [], kept: [] };
      const refusals: DatabaseRefusal[] = [];
      if (!recorded) {
        const { attempt } = Context.current().info;
        const correlationId = input.correlation_id;
        await recordSteps(tx, run, [
          { step, attempt, correlationId, changes: [], result: null, outboxIds: [] },
        ]);
      } else {
        const entries: SectionEntries = Object.fromEntries(
          sectionsOf(definition, input.provision).map((name) => [name, { status: 'rolled_back' }]),
        );
        for (const change of recorded.changes.toReversed()) {
          const { table, key } = change.after;
          const row = await restore({ tx, schema }, change, hasNamespace);
          if (row.kind === 'restored') result.restored.push({ table, key });
          if (row.kind !== 'kept') continue;
          result.kept.push({ table, key });
          refusals.push(...row.refusals);
          entries[change.section] = { status: 'error', message: row.message };
        }
        result.entries = entries;
        if (refusals.length > 0) result.refusals = refusals;
        await deleteFollowUps(tx, recorded.outboxIds);
      }
      await recordUndo(tx, run, step, result);
      isFirst = true;
      return result;
    };
  const undone = await deps.schema.use((schema) => withTransaction(deps.pool, undo(schema)));
  if (isFirst && 'kept' in undone) {
    deps.metrics.compensations.inc({ step, result: undone.kept.length > 0 ? 'kept' : 'restored' });
    logRefusals(deps.log, definition.undo, undone.refusals ?? []);
  }
  return undone;
}

/** What became of one row. */
type RestoredRow =
  | { kind: 'restored' }
  /** It went with its namespace: nothing of the sync is left of it. */
  | { kind: 'gone' }
  | { kind: 'kept'; message: string; refusals: DatabaseRefusal[] };

async function restore(writer: RowWriter, change: LedgerChange, hasNamespace: boolean): Promise<RestoredRow> {
  const { tx } = writer;
  await tx.query('SAVEPOINT row');
  try {
    const found = await restoreRow(writer, change);
    if (found === 'changed' || (found === 'gone' && hasNamespace)) {
      return { kind: 'kept', message: CHANGED_SINCE, refusals: [] };
    }
    return { kind: found };
  } catch (error) {
    // A trigger, or what other writers have made of the tables since: it would be refused again.
    const failure = databaseFailure(error);
    if (failure?.class !== 'refused') throw error;
    await tx.query('ROLLBACK TO SAVEPOINT row');
    const { table } = change.after;
    return {
      kind: 'kept',
      message: `Not rolled back: refused by the database (${failure.condition}, ${table})`,
      refusals: [databaseRefusal(change.section, { ...failure, table })],
    };
  }
}
