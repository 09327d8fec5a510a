import { Context } from '@temporalio/activity';
import { withTransaction, type Tx } from '../db/pool';
import { passFence } from '../db/fence';
import { findStep, recordStep, type LedgerChange } from '../db/ledger';
import { addFollowUps } from '../db/outbox';
import { databaseFailure } from '../db/sqlState';
import type { SectionEntry } from '../domain/answer';
import { askedSections } from '../domain/askedSections';
import type { SectionEntries } from '../domain/failures';
import type { SectionName } from '../domain/sections';
import type { STEPS } from '../domain/steps';
import type { Change, StepInput, StepResult } from '../domain/sync';
import { supersededFailure, validationFailure } from '../temporal/failures';
import { applySections, couldNotBeSaved, StepRefused } from './applySections';
import type { ActivityDependencies } from './dependencies';
import { withSecondTry } from './lostRace';
import { runIdentity } from './runIdentity';

/** The ledger's row of a step that took effect. */
interface Recorded {
  entries: SectionEntries;
  attempt: number;
}

/** A step and the sections that belong to it. */
type Step = (typeof STEPS)[number];

/**
 * Runs one step: one transaction that passes the fence, writes the step's sections and records it in the ledger
 * (contract 3 and 5). Run again in the same run it changes nothing and returns the first result.
 * @throws ApplicationFailure: `ValidationError` with the entries of the step's sections, `Superseded`
 */
export async function runStep(deps: ActivityDependencies, step: Step, input: StepInput): Promise<StepResult> {
  const sections = askedSections(input.provision).filter((name) => step.sections.some((own) => own === name));
  try {
    return await withSecondTry((isLastTry) =>
      withTransaction(deps.pool, (tx) => stepTransaction(tx, deps, step, sections, input, isLastTry)),
    );
  } catch (error) {
    if (error instanceof StepRefused) throw validationFailure(error.entries);
    const failure = databaseFailure(error);
    if (failure?.class !== 'refused') throw error;
    // Refused at COMMIT by a deferred constraint: which of the step's sections it meant cannot be told.
    const refused = sections.map((name): [SectionName, SectionEntry] => [
      name,
      { status: 'error', message: couldNotBeSaved(name, failure.condition, failure.table) },
    ]);
    throw validationFailure(Object.fromEntries(refused));
  }
}

async function stepTransaction(
  tx: Tx,
  { billableMembers }: ActivityDependencies,
  { step }: Step,
  sections: SectionName[],
  input: StepInput,
  isLastTry: boolean,
): Promise<StepResult> {
  const run = runIdentity(input);
  const { overtakenBy, ...clock } = await passFence(tx, run);
  const recorded = await findStep<Recorded>(tx, run, step);
  // An undone step must stay undone: this is an attempt that the workflow gave up on.
  if (recorded?.undoResult) throw supersededFailure(null);
  if (recorded) return { ...recorded.result, changes: recorded.changes.map(readable) };
  if (overtakenBy !== undefined) throw supersededFailure(overtakenBy);

  const context = { tx, namespaceId: run.namespaceId, clock, billableMembers };
  const { entries, changes, followUps } = await applySections(context, sections, input, isLastTry);
  const outboxIds = await addFollowUps(tx, run, followUps);
  const result: Recorded = { entries, attempt: Context.current().info.attempt };
  const correlationId = input.correlation_id;
  await recordStep(tx, run, { step, correlationId, changes, outboxIds, result, attempt: result.attempt });
  return { ...result, changes: changes.map(readable) };
}

function readable({ section, before, after }: LedgerChange): Change {
  return { section, table: after.table, key: after.key, before: before.values, after: after.values };
}
