import { Context } from '@temporalio/activity';
import { admitRun, findUnfinishedRun, type RunIdentity } from '../db/fence';
import { findStep, recordStep } from '../db/ledger';
import { findNamespaceById } from '../db/namespaces';
import { withTransaction, type Tx } from '../db/pool';
import { askedSections } from '../domain/askedSections';
import type { SectionEntries } from '../domain/failures';
import { parseSyncInput } from '../domain/syncInput';
import { checkNamespace } from '../domain/namespaceRules';
import type { Admission, StepInput, SyncInput } from '../domain/sync';
import { invalidRequestFailure } from '../temporal/failures';
import type { ActivityDependencies } from './dependencies';
import { withSecondTry } from './lostRace';
import { runIdentity } from './runIdentity';
import { planSection } from './sections';

const STEP = 'admitSync';

/**
 * Checks a run's input like a request, takes the namespace's fence for it and, under `compensate`, asks the rules of
 * every section, so that a refusal names all refused sections and nothing has been written (contract 3 and 5).
 * @throws ApplicationFailure `InvalidRequest` for an input that the endpoint would not have let in
 */
export async function admitSync(
  deps: ActivityDependencies,
  request: unknown,
  chainId: string,
): Promise<Admission> {
  const parsed = parseSyncInput(request, Context.current().info.workflowExecution?.workflowId ?? '');
  if (!parsed.ok) throw invalidRequestFailure(parsed.refusal);
  const input: StepInput = { ...parsed.input, chain_id: chainId, policy: deps.policy };
  // The race is with another attempt of this activity: if that was faster, its result is in the ledger now.
  return withSecondTry(() => withTransaction(deps.pool, (tx) => admit(tx, deps, input)));
}

async function admit(tx: Tx, deps: ActivityDependencies, input: StepInput): Promise<Admission> {
  const { searchable, billableMembers } = deps;
  const found = checkNamespace(await findNamespaceById(tx, input.namespace_id));
  if (!found.ok) throw invalidRequestFailure(found.refusal);

  const run = runIdentity(input);
  const recorded = await findStep<Admission>(tx, run, STEP);
  if (recorded) return recorded.result;
  const unfinishedRun = await findUnfinishedRun(tx, run);
  const common = { input, searchable, unfinishedRun };
  const admitted = await admitRun(tx, run);
  if ('supersededBy' in admitted) return { ...common, outcome: 'superseded', by: admitted.supersededBy };
  if (unfinishedRun !== null) reportUnfinished(deps, run, unfinishedRun);

  const context = { tx, clock: admitted, namespaceId: run.namespaceId, billableMembers };
  const entries = input.policy === 'compensate' ? await refusals(input, context) : null;
  const result: Admission = entries
    ? { ...common, outcome: 'refused', entries }
    : { ...common, outcome: 'admitted' };
  await recordStep(tx, run, {
    step: STEP,
    attempt: Context.current().info.attempt,
    correlationId: input.correlation_id,
    changes: [],
    result,
    outboxIds: [],
  });
  return result;
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

/** @returns an entry for each asked section (`skipped` where it is fine), or null when all are fine */
async function refusals(
  { provision }: SyncInput,
  context: Parameters<typeof planSection>[2],
): Promise<SectionEntries | null> {
  const entries: SectionEntries = {};
  let isRefused = false;
  for (const section of askedSections(provision)) {
    const { messages } = await planSection(section, provision, context);
    isRefused ||= messages.length > 0;
    entries[section] =
      messages.length > 0 ? { status: 'error', message: messages.join(', ') } : { status: 'skipped' };
  }
  return isRefused ? entries : null;
}
