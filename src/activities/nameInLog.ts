import type { AsyncLocalStorage } from 'node:async_hooks';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { isJsonObject } from '../domain/addOnInput';
import { isCorrelationId } from '../domain/correlationId';

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

/** Activities are told about their sync in different wrappings. */
function correlationIdIn(call: unknown): string | undefined {
  if (!isJsonObject(call)) return undefined;
  const { correlation_id: id, ...wrapped } = call;
  if (isCorrelationId(id)) return id;
  for (const name of ['request', 'input', 'opens']) {
    const found = correlationIdIn(wrapped[name]);
    if (found !== undefined) return found;
  }
  return undefined;
}
