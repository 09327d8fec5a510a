import type { TemporalProbe } from '../../../support/temporal';

/**
 * Resets a finished run to its first workflow task, as `temporal workflow reset --type FirstWorkflowTask` does.
 * @returns the id of the new run
 */
export async function resetRun(temporal: TemporalProbe, namespaceId: string, runId: string): Promise<string> {
  const events = await temporal.events(namespaceId, runId);
  const task = events.find(({ workflowTaskCompletedEventAttributes: completed }) => completed);
  const { runId: newRunId } = await temporal.client.workflowService.resetWorkflowExecution({
    namespace: temporal.client.options.namespace,
    workflowExecution: { workflowId: `provision:${namespaceId}`, runId },
    workflowTaskFinishEventId: task?.eventId ?? null,
    requestId: `reset-${runId}`,
    reason: 'test',
  });
  return newRunId;
}
