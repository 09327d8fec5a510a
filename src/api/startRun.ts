import { setTimeout as wait } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import type { Pool } from 'pg';
import { hasOutcome } from '../db/ledger';
import { run } from '../db/statement';
import type { SyncInput } from '../domain/sync';
import { isSyncId } from '../domain/ids';
import { workflowIdOf } from '../domain/request';
import type { TemporalConnection } from '../worker/connection';
import { isInvalidArgument } from '../worker/grpc';
import { readRunFailure } from '../worker/runFailure';
import type { SearchAttributes } from '../worker/searchAttributes';
import { NEWER_SYNC_SIGNAL, TASK_QUEUE, WORKFLOW_TYPE } from '../workflows/names';
import { startAttributes } from '../workflows/searchAttributes';
import { runSummary } from '../workflows/summaries';
import { canonicalDigest } from '../wire/digest';
import type { Deadline } from './deadline';
import type { Turns } from './turns';

/** What it takes to start the run of a sync. */
export interface RunStarter {
  temporal: TemporalConnection;
  searchAttributes: SearchAttributes;
  /** GitLab's database. */
  pool: Pool;
  turns: Turns;
}

/** A run that was started here or joined. */
export interface StartedRun {
  kind: 'own';
  id: string;
  /** Whether the worker of this process has it. */
  isHere: boolean;
}

/** Another run of the namespace. */
interface OtherRun {
  kind: 'other';
  handle: WorkflowHandle;
  syncId: number | null;
}

/** What a run carries beside its input; `digest` tells whether two requests are the same, however spelled (contract 5). */
interface RunMemo {
  digest: string;
  sync_id: number | null;
  correlation_id: string | null;
}

// How long a newer sync lets an older one finish before it asks it to stop.
const PATIENCE_MS = 1_000;

/**
 * Starts the run of a sync, or joins the one that carries the same request. Another run of the namespace is waited for
 * (contract 5).
 * @throws DeadlineOver, or what Temporal or the database answered
 */
export async function startOrJoin(
  starter: RunStarter,
  input: SyncInput,
  deadline: Deadline,
): Promise<StartedRun> {
  const memo: RunMemo = {
    digest: canonicalDigest({ sync_id: input.sync_id, provision: input.provision }),
    sync_id: input.sync_id,
    correlation_id: input.correlation_id,
  };
  const tryOnce = () => deadline.bound(startOrFind(starter, input, memo, deadline), 'start');
  const first = await tryOnce();
  if (first.kind === 'own') return first;
  // From here on requests for this namespace queue up in this process, so that only the first of them asks Temporal.
  return starter.turns.take(input.namespace_id, deadline, async () => {
    let found: StartedRun | OtherRun = first;
    for (let round = 0; found.kind === 'other'; round += 1) {
      await deadline.bound(untilEnded(starter, found, memo, deadline), 'turn');
      // What has ended and still is in the way must not be asked about again and again.
      if (round > 0) await deadline.bound(wait(Math.min(10 * 2 ** round, 1_000)), 'turn');
      found = await tryOnce();
    }
    return found;
  });
}

/** @returns the run that was started or joined, or the other run that is in the way; it may just have ended */
async function startOrFind(
  starter: RunStarter,
  input: SyncInput,
  memo: RunMemo,
  deadline: Deadline,
): Promise<StartedRun | OtherRun> {
  const { temporal, pool } = starter;
  const workflowId = workflowIdOf(input.namespace_id);
  return temporal.client.withDeadline(deadline.date, async () => {
    try {
      return await start(starter, input, memo);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    const { workflow } = temporal.client;
    const { runId, closeTime, memo: other } = await workflow.getHandle(workflowId).describe();
    // Neither one that has ended nor one that has its outcome and is only being closed: their answer says nothing of
    // the rows as they are now.
    const isSame = closeTime === undefined && other?.['digest'] === memo.digest;
    if (isSame && !(await run(pool, hasOutcome(workflowId, runId)))) {
      return { kind: 'own', id: runId, isHere: false };
    }
    const syncId = isSyncId(other?.['sync_id']) ? other['sync_id'] : null;
    return { kind: 'other', handle: workflow.getHandle(workflowId, runId, { followRuns: false }), syncId };
  });
}

/** Starts the run; where Temporal does not take our search attributes, with those that it takes, or without. */
async function start(
  { temporal, searchAttributes }: RunStarter,
  input: SyncInput,
  memo: RunMemo,
): Promise<StartedRun> {
  const startWith = async (typedSearchAttributes: SearchAttributePair[]): Promise<StartedRun> => {
    const started = await temporal.client.workflow.start(WORKFLOW_TYPE, {
      workflowId: workflowIdOf(input.namespace_id),
      taskQueue: TASK_QUEUE,
      args: [input],
      requestEagerStart: true,
      // A worker that dies with a task in hand costs a caller this long, not the default of 10 s.
      workflowTaskTimeout: '5s',
      memo: { ...memo },
      staticSummary: runSummary(input.namespace_id, input.sync_id, input.provision),
      typedSearchAttributes,
    });
    return { kind: 'own', id: started.firstExecutionRunId, isHere: started.eagerlyStarted };
  };
  const wanted = startAttributes(input.namespace_id, input.sync_id);
  try {
    return await startWith(searchAttributes.usable(wanted));
  } catch (error) {
    if (!isInvalidArgument(error)) throw error;
  }
  await searchAttributes.ensure();
  try {
    return await startWith(searchAttributes.usable(wanted));
  } catch (error) {
    if (!isInvalidArgument(error)) throw error;
  }
  // They are there, but not all of the server knows of them yet.
  return startWith([]);
}

/** Waits for another run of the namespace to end; an older sync that takes long is asked to stop (contract 5). */
async function untilEnded(
  { temporal }: RunStarter,
  { handle, syncId }: OtherRun,
  { sync_id: own }: RunMemo,
  deadline: Deadline,
): Promise<void> {
  const isOlder = own !== null && syncId !== null && syncId < own;
  const patience = setTimeout(() => {
    if (isOlder) handle.signal(NEWER_SYNC_SIGNAL, own).catch(() => undefined); // it has ended, or we try again
  }, deadline.part(PATIENCE_MS));
  try {
    await temporal.client.withDeadline(deadline.date, () => handle.result());
  } catch (error) {
    if (!readRunFailure(error)) throw error;
  } finally {
    clearTimeout(patience);
  }
}
