import type { AsyncLocalStorage } from 'node:async_hooks';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { isCorrelationId } from '../domain/ids';

/** What each line says that is logged in the course of some work. */
export type LogContext = AsyncLocalStorage<Record<string, unknown>>;

/** Names the run, and the request that it came from, in each line that is logged while one of its activities runs. */
export function nameInLog(context: LogContext): ActivityInterceptorsFactory {
  return ({ info: { activityType, attempt, workflowExecution } }) => {
    let fields: Record<string, unknown> = {};
    return {
      inbound: {
        execute(input, next) {
          fields = {
            correlation_id: correlationIdIn(input.args[0]),
            workflow_id: workflowExecution?.workflowId,
            run_id: workflowExecution?.runId,
            activity: activityType,
            attempt,
          };
          return context.run(fields, () => next(input));
        },
      },
      // The SDK's own lines about the activity.
      outbound: { getLogAttributes: (attributes, next) => next({ ...attributes, ...fields }) },
    };
  };
}

function correlationIdIn(run: unknown): string | undefined {
  const { kind, input, request } = (run ?? {}) as Partial<{
    kind: unknown;
    input: unknown;
    request: unknown;
  }>;
  const sync = kind === 'admitted' ? input : request;
  const { correlation_id: id } = (sync ?? {}) as { correlation_id?: unknown };
  return isCorrelationId(id) ? id : undefined;
}
