import { admitRuns, findEarlierRuns, newestSyncId } from '../db/fence';
import { findSteps, recordSteps, type LedgerEntry } from '../db/ledger';
import { holdNamespaces } from '../db/namespaces';
import { withTransaction, type Tx } from '../db/transaction';
import type { SectionEntries } from '../domain/answer';
import type { Clock } from '../domain/plan';
import { checkNamespace } from '../domain/request';
import { askedSections, type SectionName } from '../domain/sections';
import type { Admission, AdmittedSync, RunArgument } from '../domain/sync';
import { invalidRequestFailure } from './failures';
import { currentAttempt, syncRunOf, type ActivityDependencies, type SyncRun } from './run';
import { withSecondTry } from './secondTry';
import { planSections, readSections, type GitlabTablesNow, type PlannedSection } from './sections';

/** The admission's row in the ledger. */
export const ADMISSION = 'admitSync';

/**
 * Checks a run's input like a request, takes the namespace's fence for it and, under `compensate`, asks the rules of
 * every section, so that a refusal names all refused sections and nothing has been written (contract 3 and 5).
 * @throws ApplicationFailure `InvalidRequest` for an input that the endpoint would not have let in
 */
export async function admitSync(deps: ActivityDependencies, run: RunArgument): Promise<Admission> {
  const sync = syncRunOf(deps, run);
  const { identity } = sync;
  // The race is with another attempt of this activity: if that was faster, its result is in the ledger now.
  return withSecondTry(deps.schema, (schema) =>
    withTransaction(deps.pool, async (tx) => {
      const admitted = await admit(tx, deps, sync, { schema, hasCi: deps.ciResets === null }, []);
      if (!admitted) {
        const [steps] = await tx.send(findSteps(identity, [ADMISSION]));
        return steps.get(ADMISSION)?.result as Admission;
      }
      await tx.commit(recordSteps(identity, [admitted.entry]));
      return admitted.admission;
    }),
  );
}

/** What an admission found, for the step that follows in the same transaction. */
interface Admitted {
  admission: Admission;
  /** To be recorded. */
  entry: LedgerEntry;
  clock: Clock;
  /** The sections that were read. */
  planned: PlannedSection[];
}

/**
 * Admits a run in `tx`, in one round trip, and plans its sections: all under `compensate`, else those of the step that
 * follows.
 * @param stepSections of that step
 * @returns null when the ledger knows the run already: then `tx` is to be rolled back
 * @throws ApplicationFailure `InvalidRequest`
 */
export async function admit(
  tx: Tx,
  deps: ActivityDependencies,
  { input, identity }: SyncRun,
  tables: GitlabTablesNow,
  stepSections: readonly SectionName[],
): Promise<Admitted | null> {
  const ids = [input.namespace_id];
  const sections = input.policy === 'compensate' ? askedSections(input.provision) : stepSections;
  const [earlierRuns, fences, namespaces, steps, ...states] = await tx.send(
    findEarlierRuns([{ runId: identity.runId, input }]),
    admitRuns([identity]),
    holdNamespaces(ids),
    findSteps(identity, null),
    ...readSections(sections, tables, ids),
  );
  if (steps.size > 0) return null;
  const found = checkNamespace(namespaces[0] ?? null);
  if (!found.ok) throw invalidRequestFailure(found.refusal);
  const { unfinishedRun = null, memories = null } = earlierRuns[0] ?? {};
  const { clock, isAdmitted } = fences[0] as (typeof fences)[0];
  const admitted = { ...input, memories };
  const planned = planSections(
    sections,
    states.map(([state]) => state),
    admitted,
    clock,
  );

  const admission: Admission = {
    ...{ input: admitted, unfinishedRun },
    ...(isAdmitted ? await judged(tx, planned, admitted) : await superseded(tx, ids)),
  };
  if (isAdmitted && unfinishedRun !== null) reportUnfinished(deps, identity, unfinishedRun);
  const entry = {
    step: ADMISSION,
    attempt: currentAttempt(),
    correlationId: input.correlation_id,
    changes: [],
    result: admission,
    outboxIds: [],
  };
  return { admission, entry, clock, planned };
}

async function superseded(tx: Tx, [id]: string[]): Promise<{ outcome: 'superseded'; by: number }> {
  const [by] = await tx.send(newestSyncId(id ?? ''));
  return { outcome: 'superseded', by: by ?? 0 };
}

async function judged(
  tx: Tx,
  planned: readonly PlannedSection[],
  { policy, namespace_id }: AdmittedSync,
): Promise<{ outcome: 'admitted' } | { outcome: 'refused'; entries: SectionEntries }> {
  const isRefused = policy === 'compensate' && planned.some(({ plan }) => plan.messages.length > 0);
  if (!isRefused) return { outcome: 'admitted' };
  await checkStillThere(tx, namespace_id);
  const entries: SectionEntries = Object.fromEntries(
    planned.map(({ name, plan: { messages } }) => [
      name,
      messages.length > 0 ? { status: 'error', message: messages.join(', ') } : { status: 'skipped' },
    ]),
  );
  return { outcome: 'refused', entries };
}

/**
 * The rules may have refused a section for what its namespace has become since the transaction looked at it: then that
 * is the answer. @throws ApplicationFailure `InvalidRequest`
 */
export async function checkStillThere(tx: Tx, namespaceId: string): Promise<void> {
  const [namespaces] = await tx.send(holdNamespaces([namespaceId]));
  const found = checkNamespace(namespaces[0] ?? null);
  if (!found.ok) throw invalidRequestFailure(found.refusal);
}

/** Terminating a run is the one way to skip its compensation: the next sync says so (and converges). */
function reportUnfinished(
  { log, metrics }: ActivityDependencies,
  { namespaceId, workflowId, runId }: SyncRun['identity'],
  unfinished: string,
): void {
  metrics.unfinishedRuns.inc();
  log.warn(
    { namespace_id: namespaceId, workflow_id: workflowId, run_id: runId, unfinished_run_id: unfinished },
    'the run before ended without an outcome: its changes stay until this sync overwrites them',
  );
}
