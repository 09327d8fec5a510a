import { isGrpcServiceError } from '@temporalio/client';
import type { TemporalConnection } from '../temporal/connection';
import { StartError } from './startError';

const NOT_FOUND = 5;

/** Whatever else is wrong with Temporal may pass. @throws StartError when it has no such namespace */
export async function requireNamespace({ client, namespace }: TemporalConnection): Promise<void> {
  try {
    await client.workflowService.describeNamespace({ namespace });
  } catch (error) {
    if (!isGrpcServiceError(error) || Number(error.code) !== NOT_FOUND) return;
    throw new StartError(
      `TEMPORAL_NAMESPACE ${namespace} does not exist: create it ("temporal operator namespace create -n ${namespace}"), or name another one`,
      { cause: error },
    );
  }
}
