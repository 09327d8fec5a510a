import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { databaseFailure } from '../db/sqlState';
import type { Metrics } from '../metrics/metrics';
import { AttemptLost, type AttemptEnd } from './attempts';

/** How an attempt ended, before its next try is planned. */
export type AttemptOutcome = Omit<AttemptEnd, 'retryInMs'>;

export interface Storing {
  log: Logger;
  metrics: Pick<Metrics, 'unstoredOutcomes'>;
  /** Aborts when the worker is to end. */
  stopping: AbortSignal;
  /** What identifies the attempt in the log. */
  ids: object;
}

const MAX_DELAY_MS = 5_000;

/**
 * Stores the outcome of an attempt, which must not get lost. Logs and counts each failure. An outcome whose values the
 * database refuses is stored without the answer; any other failure is retried at least every 5 s, until the worker ends.
 * @returns what `store` returns
 * @throws AttemptLost
 */
export async function storeOutcome<T>(
  { log, metrics, stopping, ids }: Storing,
  outcome: AttemptOutcome,
  store: (outcome: AttemptOutcome) => Promise<T>,
): Promise<T> {
  let storable = outcome;
  for (let failures = 1; ; failures++) {
    try {
      return await store(storable);
    } catch (error) {
      if (error instanceof AttemptLost || stopping.aborted) throw error;
      const failure = databaseFailure(error);
      const reason = failure?.class ?? 'bug';
      metrics.unstoredOutcomes.inc({ reason });
      const line = { ...ids, reason, err: error };
      if (reason === 'transient') log.warn(line, 'the outcome of an attempt is not stored yet');
      else log.error(line, 'the outcome of an attempt cannot be stored');
      if (reason === 'refused') storable = withoutAnswer(outcome, failure?.condition);
      const delayMs = Math.min(500 * 2 ** failures, MAX_DELAY_MS);
      await sleep(delayMs, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}

/** Without anything that the other side wrote. */
function withoutAnswer(outcome: AttemptOutcome, condition = 'refused'): AttemptOutcome {
  const { state, httpStatus, durationMs } = outcome;
  const error = `The answer cannot be stored: ${condition}`;
  const nothing = { response: undefined, workflowId: null, runId: null, runUrl: null };
  return { state, httpStatus, durationMs, error, ...nothing };
}
