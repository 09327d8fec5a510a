import { Context } from '@temporalio/activity';
import type { RunIdentity } from '../db/fence';
import type { StepInput } from '../domain/sync';

/** The run that the current activity belongs to. */
export function runIdentity(input: StepInput): RunIdentity {
  const { workflowExecution } = Context.current().info;
  return {
    namespaceId: input.namespace_id,
    syncId: input.sync_id,
    workflowId: workflowExecution?.workflowId ?? '',
    runId: workflowExecution?.runId ?? '',
    chainId: input.chain_id,
  };
}
