import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../domain/answer';
import type { Metrics } from '../metrics/metrics';

/** Measures every run of an activity, without the time that it waits for others (`sequences.ts`). */
export function measured<Args extends unknown[], Result>(
  { stepDuration, stepRetries }: Pick<Metrics, 'stepDuration' | 'stepRetries'>,
  step: string,
  run: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    const end = stepDuration.startTimer({ step });
    try {
      const result = await run(...args);
      end({ result: 'success' });
      return result;
    } catch (error) {
      const { type, nonRetryable } = error instanceof ApplicationFailure ? error : {};
      end({ result: RESULTS[type ?? ''] ?? 'failed' });
      if (!nonRetryable) stepRetries.inc({ step, reason: REASONS[type ?? ''] ?? 'bug' });
      throw error;
    }
  };
}

const REASONS: Record<string, string> = {
  [FAILURE.transient]: 'transient',
  [FAILURE.schema]: 'schema',
};

const RESULTS: Record<string, string> = {
  [FAILURE.validation]: 'refused',
  [FAILURE.invalidRequest]: 'refused',
  [FAILURE.superseded]: 'superseded',
};
