import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { FAILURE } from '../domain/failures';
import type { Metrics } from '../metrics/metrics';

/** Measures every execution of an activity, whichever it is. */
export function measureActivities({
  stepDuration,
  stepRetries,
}: Pick<Metrics, 'stepDuration' | 'stepRetries'>): ActivityInterceptorsFactory {
  return ({ info: { activityType: step } }) => ({
    inbound: {
      async execute(input, next) {
        const end = stepDuration.startTimer({ step });
        try {
          const result = await next(input);
          end({ result: 'success' });
          return result;
        } catch (error) {
          const { type, nonRetryable } = error instanceof ApplicationFailure ? error : {};
          end({ result: RESULTS[type ?? ''] ?? 'failed' });
          if (!nonRetryable)
            stepRetries.inc({ step, reason: type === FAILURE.transient ? 'transient' : 'bug' });
          throw error;
        }
      },
    },
  });
}

const RESULTS: Record<string, string> = {
  [FAILURE.validation]: 'refused',
  [FAILURE.invalidRequest]: 'refused',
  [FAILURE.superseded]: 'superseded',
};
