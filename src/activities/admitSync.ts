import { Context } from '@temporalio/activity';
import { admitRun } from '../db/fence';
import { findStep, recordStep } from '../db/ledger';
import { findNamespaceById } from '../db/namespaces';
import { withTransaction, type Tx } from '../db/pool';
import { databaseFailure } from '../db/sqlState';
import { askedSections } from '../domain/askedSections';
import type { SectionEntries } from '../domain/failures';
import { parseSyncInput } from '../domain/syncInput';
import { namespaceRefusal } from '../domain/namespaceRules';
import type { Admission, StepInput, SyncInput } from '../domain/sync';
import { invalidRequestFailure } from '../temporal/failures';
import { isLostRace } from './applySections';
import type { ActivityDependencies } from './dependencies';
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
  const once = () => withTransaction(deps.pool, (tx) => admit(tx, deps, input));
  return await once().catch((error: unknown) => {
    // Another attempt of this activity was faster: its result is in the ledger now.
    const failure = databaseFailure(error);
    if (failure && isLostRace(failure)) return once();
    throw error;
  });
}

async function admit(tx: Tx, deps: ActivityDependencies, input: StepInput): Promise<Admission> {
  const { searchable } = deps;
  const refusal = namespaceRefusal(await findNamespaceById(tx, input.namespace_id));
  if (refusal) throw invalidRequestFailure(refusal);

  const run = runIdentity(input, input.chain_id);
  const recorded = await findStep<Admission>(tx, run, STEP);
  if (recorded) return recorded.result;
  const admitted = await admitRun(tx, run);
  if ('supersededBy' in admitted) {
    return { outcome: 'superseded', input, searchable, by: admitted.supersededBy };
  }

  const context = {
    tx,
    clock: admitted,
    namespaceId: run.namespaceId,
    billableMembers: deps.billableMembers,
  };
  const entries = input.policy === 'compensate' ? await refusals(input, context) : null;
  const result: Admission = entries
    ? { outcome: 'refused', input, searchable, entries }
    : { outcome: 'admitted', input, searchable };
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
