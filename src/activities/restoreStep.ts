import { lockFence } from '../db/fence';
import type { GitlabSchema } from '../db/gitlabSchema';
import { findSteps, recordSteps, recordUndo, type RecordedStep } from '../db/ledger';
import { deleteFollowUps } from '../db/outbox';
import { restoreRow } from '../db/rows';
import { databaseFailure } from '../db/sqlState';
import { composed, nothing } from '../db/statement';
import { withTransaction, type Tx } from '../db/transaction';
import { sectionsOf, type Step } from '../domain/sections';
import type { Change, DatabaseRefusal, RunArgument, TooLate, UndoResult } from '../domain/sync';
import { OUTCOME, outcomeIn } from './recordOutcome';
import { databaseRefusal, logRefusals } from './refusals';
import { currentAttempt, syncRunOf, type ActivityDependencies } from './run';
import { withSecondTry } from './secondTry';

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
  run: RunArgument,
): Promise<UndoResult | TooLate> {
  const { input, identity } = syncRunOf(deps, run);
  const { step, undo } = definition;
  let isFirst = false;
  const restoreIn = async (tx: Tx, schema: GitlabSchema): Promise<UndoResult | TooLate> => {
    // Also an overtaken run takes back what it wrote.
    const [hasNamespace, steps] = await tx.send(lockFence(identity), findSteps(identity, [step, OUTCOME]));
    const outcome = outcomeIn(steps);
    if (outcome) return { kind: 'too_late', recorded: outcome };
    const recorded = steps.get(step);
    if (recorded?.undoResult) return recorded.undoResult as UndoResult;

    const result = recorded
      ? await restoreRows(tx, schema, recorded, hasNamespace)
      : { entries: {}, restored: [], kept: [] };
    const names = recorded ? sectionsOf(definition, input.provision) : [];
    const rolledBack = Object.fromEntries(names.map((name) => [name, { status: 'rolled_back' as const }]));
    const undone: UndoResult = { kind: 'undone', ...result, entries: { ...rolledBack, ...result.entries } };
    const marks = { attempt: currentAttempt(), correlationId: input.correlation_id };
    await tx.commit(
      ...(recorded
        ? [deleteFollowUps(recorded.outboxIds)]
        : [recordSteps(identity, [{ step, ...marks, changes: [], result: null, outboxIds: [] }])]),
      recordUndo(identity, step, undone),
    );
    isFirst = true;
    return undone;
  };
  const undone = await withSecondTry(deps.schema, (schema) =>
    withTransaction(deps.pool, (tx) => restoreIn(tx, schema)),
  );
  if (isFirst && undone.kind === 'undone') {
    deps.metrics.compensations.inc({ step, result: undone.kept.length > 0 ? 'kept' : 'restored' });
    logRefusals(deps.log, undo, undone.refusals ?? []);
  }
  return undone;
}

async function restoreRows(
  tx: Tx,
  schema: GitlabSchema,
  { changes }: RecordedStep,
  hasNamespace: boolean,
): Promise<Omit<UndoResult, 'kind'>> {
  const result: Omit<UndoResult, 'kind'> = { entries: {}, restored: [], kept: [] };
  const refusals: DatabaseRefusal[] = [];
  for (const change of changes.toReversed()) {
    const { table, key, section } = change;
    const row = await restore(tx, schema, change, hasNamespace);
    if (row.kind === 'restored') result.restored.push({ table, key });
    if (row.kind !== 'kept') continue;
    result.kept.push({ table, key });
    refusals.push(...row.refusals);
    result.entries[section] = { status: 'error', message: row.message };
  }
  return { ...result, ...(refusals.length > 0 && { refusals }) };
}

/** What became of one row. */
type RestoredRow =
  | { kind: 'restored' }
  /** It went with its namespace: nothing of the sync is left of it. */
  | { kind: 'gone' }
  | { kind: 'kept'; message: string; refusals: DatabaseRefusal[] };

const SAVEPOINT = composed('SAVEPOINT row', [], nothing);
const ROLLBACK_TO_SAVEPOINT = composed('ROLLBACK TO SAVEPOINT row', [], nothing);

async function restore(
  tx: Tx,
  schema: GitlabSchema,
  change: Change,
  hasNamespace: boolean,
): Promise<RestoredRow> {
  await tx.send(SAVEPOINT);
  try {
    const found = await restoreRow(tx, schema, change);
    if (found === 'changed' || (found === 'gone' && hasNamespace)) {
      return { kind: 'kept', message: CHANGED_SINCE, refusals: [] };
    }
    return { kind: found };
  } catch (error) {
    // A trigger, or what other writers have made of the tables since: it would be refused again.
    const failure = databaseFailure(error);
    if (failure?.class !== 'refused') throw error;
    await tx.send(ROLLBACK_TO_SAVEPOINT);
    const { table, section } = change;
    return {
      kind: 'kept',
      message: `Not rolled back: refused by the database (${failure.condition}, ${table})`,
      refusals: [databaseRefusal(section, { ...failure, table })],
    };
  }
}
