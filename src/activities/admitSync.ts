import { Context } from '@temporalio/activity';
import { admitRun, findEarlierRuns, type RunIdentity } from '../db/fence';
import { findSteps, recordSteps, type LedgerEntry } from '../db/ledger';
import { holdNamespace } from '../db/namespaces';
import { withTransaction, type Tx } from '../db/pool';
import { askedSections } from '../domain/askedSections';
import type { SectionEntries } from '../domain/failures';
import { checkNamespace } from '../domain/namespaceRules';
import type { Admission, Opening, StepInput } from '../domain/sync';
import { invalidRequestFailure } from '../temporal/failures';
import { checkStillThere } from './applySections';
import type { ActivityDependencies } from './dependencies';
import { withSecondTry } from './lostRace';
import { inputOf, runIdentity } from './runIdentity';
import { planAhead, type SectionPlans } from './sections';
import type { SectionContext } from './sections/section';

/** The admission's row in the ledger. */
export const ADMISSION = 'admitSync';

/**
 * Checks a run's input like a request, takes the namespace's fence for it and, under `compensate`, asks the rules of
 * every section, so that a refusal names all refused sections and nothing has been written (contract 3 and 5).
 * @throws ApplicationFailure `InvalidRequest` for an input that the endpoint would not have let in
 */
export async function admitSync(deps: ActivityDependencies, opening: Opening): Promise<Admission> {
  const input = inputOf(deps, opening);
  const run = runIdentity(input);
  // The race is with another attempt of this activity: if that was faster, its result is in the ledger now.
  return withSecondTry(deps.schema, () =>
    withTransaction(deps.pool, async (tx) => {
      const admitted = await admit(tx, deps, input, run);
      if (!admitted) return (await findSteps(tx, run, [ADMISSION])).get(ADMISSION)?.result as Admission;
      tx.withCommit(recordSteps(tx, run, [admitted.entry]));
      return admitted.admission;
    }),
  );
}

/** What an admission found, for the step that follows in the same transaction. */
interface Admitted {
  admission: Admission;
  /** To be recorded. */
  entry: LedgerEntry;
  /** For the sections of a step. */
  context: SectionContext;
  /** Of the sections that were asked; under `independent` none is planned yet. */
  plans: SectionPlans;
}

/**
 * Admits a run in `tx`.
 * @returns null when the ledger knows the run already
 * @throws ApplicationFailure `InvalidRequest`
 */
export async function admit(
  tx: Tx,
  deps: ActivityDependencies,
  input: StepInput,
  run: RunIdentity,
): Promise<Admitted | null> {
  const { billableMembers } = deps;
  const { provision, policy } = input;
  const schema = await deps.schema.current();
  const [namespace, { unfinishedRun, memories }, steps] = await Promise.all([
    holdNamespace(tx, input.namespace_id),
    findEarlierRuns(tx, run, provision),
    findSteps(tx, run, null),
  ]);
  if (steps.size > 0) return null;
  const found = checkNamespace(namespace);
  if (!found.ok) throw invalidRequestFailure(found.refusal);
  const fence = admitRun(tx, run);
  const context = {
    ...{ tx, schema, clock: fence, repeats: memories, namespaceId: run.namespaceId },
    ...{ hasCi: deps.ciResets === null, billableMembers },
  };
  const plans = policy === 'compensate' ? planAhead(askedSections(provision), provision, context) : {};
  const [{ supersededBy }, entries] = await Promise.all([fence, refusals(plans)]);
  if (entries) await checkStillThere(tx, run);
  if (supersededBy === undefined && unfinishedRun !== null) reportUnfinished(deps, run, unfinishedRun);

  const common = { input: { ...input, repeats: memories }, unfinishedRun };
  const admission: Admission =
    supersededBy !== undefined
      ? { ...common, outcome: 'superseded', by: supersededBy }
      : entries
        ? { ...common, outcome: 'refused', entries }
        : { ...common, outcome: 'admitted' };
  const entry = {
    step: ADMISSION,
    attempt: Context.current().info.attempt,
    correlationId: input.correlation_id,
    changes: [],
    result: admission,
    outboxIds: [],
  };
  return { admission, entry, context, plans };
}

/** Terminating a run is the one way to skip its compensation: the next sync says so (and converges). */
function reportUnfinished(
  { log, metrics }: ActivityDependencies,
  run: RunIdentity,
  unfinished: string,
): void {
  metrics.unfinishedRuns.inc();
  log.warn(
    {
      namespace_id: run.namespaceId,
      workflow_id: run.workflowId,
      run_id: run.runId,
      unfinished_run_id: unfinished,
    },
    'the run before ended without an outcome; what its steps did stands until this sync goes over it',
  );
}

/** @returns an entry for each planned section (`skipped` where it is fine), or null when all are fine */
async function refusals(plans: SectionPlans): Promise<SectionEntries | null> {
  const planned = await Promise.all(
    Object.entries(plans).map(async ([section, plan]) => ({ section, messages: (await plan).messages })),
  );
  if (planned.every(({ messages }) => messages.length === 0)) return null;
  return Object.fromEntries(
    planned.map(({ section, messages }) => [
      section,
      messages.length > 0 ? { status: 'error', message: messages.join(', ') } : { status: 'skipped' },
    ]),
  );
}
