import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { withTransaction } from '../db/transaction';
import { isJsonObject } from '../domain/json';
import type { Metrics } from '../metrics/metrics';
import { failuresInARow, findDue, settleAttempt, startAttempt, type AttemptEnd } from './attempts';
import { retryDelay, type Backoff } from './retryDelay';
import { enqueue, type Delivery } from './queue';
import { messageOf } from './readAnswer';
import { postSync, type Reply, type Sender } from './post';
import { storeOutcome, type AttemptOutcome } from './storeOutcome';
import type { Sync } from './syncs';
import { judge, type Verdict } from './verdict';

export interface Delivering {
  pool: Pool;
  log: Logger;
  metrics: Pick<Metrics, 'attempts' | 'unstoredOutcomes'>;
  sender: Sender;
  backoff: Backoff;
  /** Tries of one request to send a sync, the first one included; null: no limit. */
  maxTries: number | null;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** What a worker passes to each of its jobs. */
export interface Job {
  workerId: string;
  /** Aborts when the worker is to end: requests are given up. */
  stopping: AbortSignal;
}

// How long a job waits for another attempt of its namespace. It occupies no worker meanwhile.
const BUSY_WAIT_MS = 1_000;

/**
 * One job: sends the latest sync of a namespace, records the attempt and schedules the next try. It throws only when the
 * database fails, or when another worker took the job.
 */
export async function deliver(deps: Delivering, delivery: Delivery, job: Job): Promise<void> {
  const { pool } = deps;
  const due = await findDue(pool, delivery);
  if (!due?.isDue) return;
  const correlationId = randomUUID();
  const attempt = { sync: due.sync, try: due.nextTry, workerId: job.workerId, correlationId };
  const attemptId = await startAttempt(pool, attempt);
  if (attemptId === null) {
    return withTransaction(pool, async (tx) => {
      await enqueue(tx, delivery, { delayMs: BUSY_WAIT_MS, keepTime: true });
      await tx.commit();
    });
  }

  const begun = performance.now();
  const reply = await postSync(deps.sender, due.sync, correlationId, job.stopping);
  const durationMs = Math.max(0, Math.round(performance.now() - begun));
  const verdict = giveUpAfter(deps.maxTries, due.nextTry, judge(reply, deps.now()));
  const ids = { attempt_id: attemptId, try: due.nextTry, correlation_id: correlationId };
  const outcome = endOf(reply, verdict, durationMs);
  const end = await storeOutcome({ ...deps, ...job, ids }, outcome, async (outcome) => {
    const end = { ...outcome, retryInMs: await retryIn(deps, verdict, due.sync) };
    await settleAttempt(pool, attemptId, due.sync, end, delivery);
    return end;
  });
  const isGivenUp = end.state === 'failed' && end.retryInMs === null;
  deps.metrics.attempts.inc({ state: isGivenUp ? 'given_up' : end.state });
  logAttempt(deps.log, due.sync, end, ids);
}

function giveUpAfter(maxTries: number | null, tries: number, verdict: Verdict): Verdict {
  if (verdict.retry !== 'later' || maxTries === null || tries < maxTries) return verdict;
  return { ...verdict, retry: 'no', error: `Gave up after ${tries} tries: ${verdict.error}` };
}

async function retryIn({ pool, backoff }: Delivering, verdict: Verdict, sync: Sync): Promise<number | null> {
  if (verdict.retry === 'no') return null;
  if (verdict.retry === 'at once') return 0;
  return retryDelay(backoff, (await failuresInARow(pool, sync.id)) + 1, verdict.retryAfterMs);
}

function endOf(reply: Reply, { state, error }: Verdict, durationMs: number): AttemptOutcome {
  const isAnswer = reply.kind === 'answer';
  return {
    state,
    error,
    durationMs,
    httpStatus: isAnswer ? reply.status : null,
    response: isAnswer ? reply.kept : undefined,
    workflowId: isAnswer ? reply.workflowId : null,
    runId: isAnswer ? reply.runId : null,
  };
}

/** One line for each attempt; what a 422 refused is part of it (contract 6), the request never is. */
function logAttempt(log: Logger, sync: Sync, end: AttemptEnd, ids: Record<string, unknown>): void {
  const { response } = end;
  const line = {
    namespace_id: sync.namespaceId,
    sync_id: sync.id,
    ...ids,
    state: end.state,
    status: end.httpStatus,
    duration_s: end.durationMs / 1000,
    workflow_id: end.workflowId,
    run_id: end.runId,
    reason: end.error ?? messageOf(response),
    ...(end.state === 'partially_failed' && {
      details: isJsonObject(response) ? response['payload'] : response,
    }),
    ...(end.retryInMs !== null && { retry_in_s: end.retryInMs / 1000 }),
  };
  if (end.state === 'completed') log.info(line, 'sync sent');
  else if (end.state === 'failed' && end.retryInMs === null) log.error(line, 'sync failed');
  else log.warn(line, 'sync not completed');
}
