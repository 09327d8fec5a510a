import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  setHandler,
  defineSignal,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailureCategory } from '@temporalio/common';
import { answerOf, supersededAnswer, type Answer } from '../domain/answer';
import { FAILURE } from '../domain/failures';
import type { Outcome, StepInput } from '../domain/sync';
import { execute, permanentCause } from './activityCalls';
import { createSaga, internalFailure, type Ending } from './applySteps';
import { NEWER_SYNC_SIGNAL } from './names';
import { NAMESPACE_ID, outcomeAttributes, startAttributes } from './searchAttributes';

const newerSyncSignal = defineSignal<[number]>(NEWER_SYNC_SIGNAL);

/**
 * Provisions one namespace with one sync (contract 3 to 5). Its id is `provision:<namespace id>`.
 * @param request a `SyncInput`; checked like a request, as a person may have started the run
 * @returns the answer with status `success` or `skipped`
 * @throws ApplicationFailure: `SyncRefused` (the answer is its detail), `InvalidRequest`, `InternalError`
 */
export async function provisionNamespace(request: unknown): Promise<Answer> {
  let newerSync: number | null = null;
  const steps = new CancellationScope();
  setHandler(newerSyncSignal, (syncId) => {
    const own = (request as { sync_id?: number | null } | null)?.sync_id ?? null;
    if (own === null || syncId <= own) return;
    newerSync = Math.max(syncId, newerSync ?? 0);
    steps.cancel();
  });

  const admission = await execute('admitSync', 'Check and admit the sync', [
    request,
    workflowInfo().firstExecutionRunId,
  ]).catch((error: unknown) => {
    throw permanentCause(error) ?? error;
  });
  const close = (outcome: Outcome) => {
    if (!admission.searchable) return;
    // The endpoint gives the others at the start, for free; a person who starts a run does not.
    const isGiven = workflowInfo().typedSearchAttributes.get(NAMESPACE_ID) !== undefined;
    const { namespace_id, sync_id } = admission.input;
    upsertSearchAttributes([
      ...(isGiven ? [] : startAttributes(namespace_id, sync_id)),
      ...outcomeAttributes(outcome),
    ]);
  };
  if (admission.outcome === 'superseded') {
    const answer = supersededAnswer(admission.by);
    close(answer);
    return answer;
  }

  const { input } = admission;
  const saga = createSaga(input, () => newerSync);
  const ending =
    admission.outcome === 'refused'
      ? { answer: answerOf(admission.entries) }
      : await steps.run(() => saga.apply());
  await record(input, ending).catch(async (error: unknown) => {
    if (input.policy === 'compensate') await saga.undo();
    close({ status: 'failed', message: null });
    throw internalFailure(error as Error);
  });
  close(outcomeOf(ending));
  return endRun(ending);
}

function record(input: StepInput, ending: Ending): Promise<void> {
  return CancellationScope.nonCancellable(() =>
    execute('recordOutcome', 'Record the outcome and release follow-up work', [input, outcomeOf(ending)]),
  );
}

function outcomeOf(ending: Ending): Outcome {
  if ('answer' in ending) return ending.answer;
  return isCancellation(ending.failure)
    ? { status: 'cancelled', message: 'Cancelled' }
    : { status: 'failed', message: internalFailure(ending.failure).message };
}

function endRun(ending: Ending): Answer {
  if ('failure' in ending)
    throw isCancellation(ending.failure) ? ending.failure : internalFailure(ending.failure);
  const { answer } = ending;
  if (answer.status !== 'error') return answer;
  // A refused sync is a failed run: that is how people look for it, and the message shows in every list.
  throw ApplicationFailure.create({
    type: FAILURE.refused,
    message: answer.message ?? 'refused',
    nonRetryable: true,
    details: [answer],
    category: ApplicationFailureCategory.BENIGN,
  });
}
