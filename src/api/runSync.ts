import { setTimeout as wait } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, type Client, type WorkflowHandle } from '@temporalio/client';
import type { Pool } from 'pg';
import { hasOutcome } from '../db/ledger';
import type { Answer } from '../domain/answer';
import type { SyncInput } from '../domain/sync';
import { workflowIdOf } from '../domain/syncInput';
import type { EarlyAnswers, Listener } from '../temporal/earlyAnswers';
import { readRunFailure } from '../temporal/runFailure';
import { NEWER_SYNC_SIGNAL, TASK_QUEUE, WORKFLOW_TYPE } from '../workflows/names';
import { startAttributes } from '../workflows/searchAttributes';
import { runSummary } from '../workflows/summaries';
import type { Deadline } from './deadline';
import { HttpProblem, unavailable } from './problems';
import { syncDigest } from './syncDigest';
import type { Turns } from './turns';

export interface SyncRunner {
  client: Client;
  /** GitLab's database. */
  pool: Pool;
  earlyAnswers: EarlyAnswers;
  turns: Turns;
  /** Whether the server has our search attributes. */
  searchable: boolean;
}

/** What a run carries beside its input; `digest` tells whether two requests are the same (contract 5). */
interface RunMemo {
  digest: string;
  sync_id: number | null;
  correlation_id: string | null;
}

// How long a newer sync lets an older one finish before it asks it to stop.
const PATIENCE_MS = 1_000;

// How long a run that the worker of this process has is waited for before Temporal is asked, too.
const EARLY_MS = 1_000;

/**
 * Starts the run of a sync, or joins the one that carries the same request, and waits for its answer. Another run
 * of the namespace is waited for (contract 5). Ending the wait never ends the run.
 * @param onRun told the run's id as soon as there is one
 * @throws HttpProblem 503 when the deadline is over or the run was stopped by a person, 4xx or 500 as the run ended
 */
export async function runSync(
  runner: SyncRunner,
  input: SyncInput,
  deadline: Deadline,
  onRun: (runId: string) => void,
): Promise<Answer> {
  const listener = runner.earlyAnswers.listen(workflowIdOf(input.namespace_id));
  try {
    const run = await deadline.bound(startOrJoin(runner, input, deadline));
    onRun(run.id);
    return await deadline.bound(answerOf(runner, input.namespace_id, run, listener, deadline));
  } finally {
    listener.stop();
  }
}

/** A run that was started here or joined. */
interface StartedRun {
  id: string;
  /** Whether the worker of this process has it. */
  isHere: boolean;
}

/** The answer of a run: as soon as the worker here has recorded it, or when Temporal says that the run has ended. */
async function answerOf(
  { client }: SyncRunner,
  namespaceId: string,
  run: StartedRun,
  listener: Listener,
  deadline: Deadline,
): Promise<Answer> {
  const early = listener.answerOf(run.id);
  if (run.isHere) {
    const answer = await Promise.race([early, wait(EARLY_MS, null, { ref: false })]);
    if (answer) return answer;
  }
  const handle = client.workflow.getHandle(workflowIdOf(namespaceId), run.id, { followRuns: false });
  try {
    const ended = client.withDeadline(deadline.date, () => handle.result()) as Promise<Answer>;
    return await Promise.race([early, ended]);
  } catch (error) {
    const failure = readRunFailure(error);
    if (!failure) throw error;
    if (failure.kind === 'refused') return failure.answer;
    if (failure.kind === 'stopped') throw unavailable('run_stopped');
    if (failure.kind === 'invalid') {
      throw new HttpProblem(failure.request.status, 'invalid_request', failure.request.body);
    }
    throw new HttpProblem(500, 'run_failed', { message: '500 Internal Server Error' });
  }
}

async function startOrJoin(runner: SyncRunner, input: SyncInput, deadline: Deadline): Promise<StartedRun> {
  const memo: RunMemo = {
    digest: syncDigest(input),
    sync_id: input.sync_id,
    correlation_id: input.correlation_id,
  };
  const first = await tryOnce(runner, input, memo, deadline);
  if ('id' in first) return first;
  // From here on requests for this namespace queue up in this process, so that only the first of them asks Temporal.
  return runner.turns.take(input.namespace_id, deadline, async () => {
    for (let running = first; ;) {
      await waitForEnd(runner, running, memo, deadline);
      const next = await tryOnce(runner, input, memo, deadline);
      if ('id' in next) return next;
      running = next;
    }
  });
}

interface OtherRun {
  handle: WorkflowHandle;
  syncId: number | null;
}

/** @returns the run that was started or joined, or the other run that is in the way */
async function tryOnce(
  { client, pool, searchable }: SyncRunner,
  input: SyncInput,
  memo: RunMemo,
  deadline: Deadline,
): Promise<StartedRun | OtherRun> {
  const workflowId = workflowIdOf(input.namespace_id);
  return client.withDeadline(deadline.date, async () => {
    for (;;) {
      try {
        const started = await client.workflow.start(WORKFLOW_TYPE, {
          workflowId,
          taskQueue: TASK_QUEUE,
          args: [input],
          requestEagerStart: true,
          // A worker that dies with a task in hand costs a caller this long, not the default of 10 s.
          workflowTaskTimeout: '5s',
          memo: { ...memo },
          staticSummary: runSummary(input.namespace_id, input.sync_id, input.provision),
          ...(searchable && { typedSearchAttributes: startAttributes(input.namespace_id, input.sync_id) }),
        });
        return { id: started.firstExecutionRunId, isHere: started.eagerlyStarted };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
      const { runId, status, memo: other } = await client.workflow.getHandle(workflowId).describe();
      if (status.name !== 'RUNNING') continue; // it has just ended
      // Not one that has its outcome and is only being closed: its answer says nothing of the rows as they are now.
      const isSame = other?.['digest'] === memo.digest;
      if (isSame && !(await hasOutcome(pool, workflowId, runId))) return { id: runId, isHere: false };
      const syncId = typeof other?.['sync_id'] === 'number' ? other['sync_id'] : null;
      return { handle: client.workflow.getHandle(workflowId, runId, { followRuns: false }), syncId };
    }
  });
}

/** Waits for another run of the namespace to end; an older sync that takes long is asked to stop (contract 5). */
async function waitForEnd(
  { client }: SyncRunner,
  { handle, syncId }: OtherRun,
  { sync_id: own }: RunMemo,
  deadline: Deadline,
): Promise<void> {
  const isOlder = own !== null && syncId !== null && syncId < own;
  const patience = setTimeout(() => {
    if (isOlder) handle.signal(NEWER_SYNC_SIGNAL, own).catch(() => undefined); // it has ended, or we try again
  }, PATIENCE_MS);
  try {
    await client.withDeadline(deadline.date, () => handle.result());
  } catch (error) {
    if (!readRunFailure(error)) throw error;
  } finally {
    clearTimeout(patience);
  }
}
