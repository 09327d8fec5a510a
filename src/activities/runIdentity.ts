import { Context } from '@temporalio/activity';
import type { RunIdentity } from '../db/fence';

/** The run that the current activity belongs to. @param chainId its first run */
export function runIdentity(
  input: { namespace_id: string; sync_id: number | null },
  chainId: string,
): RunIdentity {
  const { workflowExecution } = Context.current().info;
  return {
    namespaceId: input.namespace_id,
    syncId: input.sync_id,
    workflowId: workflowExecution?.workflowId ?? '',
    runId: workflowExecution?.runId ?? '',
    chainId,
  };
}
