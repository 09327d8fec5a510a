import { Context } from '@temporalio/activity';
import type { RunIdentity } from '../db/fence';
import { parseSyncInput } from '../domain/syncInput';
import type { Opening, StepInput } from '../domain/sync';
import { invalidRequestFailure } from '../temporal/failures';
import type { ActivityDependencies } from './dependencies';

/** The run that the current activity belongs to. */
export function runIdentity(input: StepInput): RunIdentity {
  const { workflowExecution } = Context.current().info;
  return {
    namespaceId: input.namespace_id,
    syncId: input.sync_id,
    workflowId: workflowExecution?.workflowId ?? '',
    runId: workflowExecution?.runId ?? '',
    chainId: input.chain_id,
    startedAt: input.started_at,
  };
}

/**
 * What a run is about, also while its request has not been checked.
 * @throws ApplicationFailure `InvalidRequest` for a request that the endpoint would not have let in
 */
export function inputOf(
  { policy }: Pick<ActivityDependencies, 'policy'>,
  run: Opening | StepInput,
): StepInput {
  if (!('request' in run)) return run;
  const { request, chain_id, started_at } = run;
  const parsed = parseSyncInput(request, Context.current().info.workflowExecution?.workflowId ?? '');
  if (!parsed.ok) throw invalidRequestFailure(parsed.refusal);
  return { ...parsed.input, chain_id, started_at, policy, repeats: null };
}
