import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowService } from '@temporalio/client';

const QUICK_MS = 500;
const PAUSE_MS = 1_000;

/**
 * Slows down waiting for a run whose server does not hold the call. The SDK repeats a call until it is told the end of
 * the run. A server (1.32) answers it at once, and without that, while the run is paused: hundreds of times a second.
 */
export function calmLongPolls(service: WorkflowService): void {
  const ask = service.getWorkflowExecutionHistory.bind(service) as AskHistory;
  const answeredQuickly = new WeakSet<object>();
  const calm: AskHistory = async (request) => {
    if (answeredQuickly.has(request)) await sleep(PAUSE_MS, null, { ref: false });
    const begun = performance.now();
    const answer = await ask(request);
    const isQuick = performance.now() - begun < QUICK_MS;
    if (request.waitNewEvent && isQuick) answeredQuickly.add(request);
    else answeredQuickly.delete(request);
    return answer;
  };
  service.getWorkflowExecutionHistory = calm as WorkflowService['getWorkflowExecutionHistory'];
}

type AskHistory = (
  request: Parameters<WorkflowService['getWorkflowExecutionHistory']>[0],
) => ReturnType<WorkflowService['getWorkflowExecutionHistory']>;
