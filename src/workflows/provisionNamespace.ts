import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  setHandler,
  defineSignal,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { Answer } from '../domain/answer';
import { FAILURE, type InvalidRequest } from '../domain/failures';
import { isAnswer, type Outcome } from '../domain/sync';
import { isSyncId } from '../domain/syncId';
import { execute, permanentCause } from './activityCalls';
import { createSaga, internalFailure, type Ending, type Progress, type Saga } from './applySteps';
import { inputProblem } from './inputProblem';
import { makeSearchable } from './makeSearchable';
import { NEWER_SYNC_SIGNAL } from './names';

const newerSyncSignal = defineSignal<[unknown]>(NEWER_SYNC_SIGNAL);

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
    const own = (request as { sync_id?: unknown } | null)?.sync_id;
    // A person may have sent it, and anything with it.
    if (!isSyncId(own) || !isSyncId(syncId) || syncId <= own) return;
    newerSync = Math.max(syncId, newerSync ?? 0);
    steps.cancel();
  });
  const problem = inputProblem(request);
  if (problem !== null) throw expected(FAILURE.invalidRequest, problem, refusedInput(problem));

  const { firstExecutionRunId, startTime } = workflowInfo();
  const opening = {
    request: request ?? null,
    chain_id: firstExecutionRunId,
    started_at: startTime.toISOString(),
  };
  const saga = createSaga(opening, () => newerSync);
  const ending = await steps
    .run(() => saga.apply())
    .catch((error: unknown) => {
      throw permanentCause(error) ?? error;
    });
  const outcome = await recordedOutcome(saga, ending);
  return endRun(outcome, ending);
}

const refusedInput = (error: string): InvalidRequest => ({ status: 400, body: { error } });

/** What the ledger says of how the run ended; written now unless the last step has brought it along. */
async function recordedOutcome(saga: Saga, ending: Ending): Promise<Outcome> {
  const { progress } = saga;
  let outcome = progress.recorded;
  try {
    outcome ??= await record(progress, outcomeOf(ending));
  } catch (error) {
    if (progress.admission?.input.policy !== 'independent') await saga.undo();
    outcome = progress.recorded;
    if (!outcome) {
      await makeSearchable(progress, { status: 'failed', message: null });
      throw internalFailure(error as Error);
    }
  }
  setCurrentDetails(progress.details.text(outcome));
  await makeSearchable(progress, outcome);
  return outcome;
}

function record({ run, refusals }: Progress, outcome: Outcome): Promise<Outcome> {
  return CancellationScope.nonCancellable(() =>
    execute('recordOutcome', 'Record the outcome and release follow-up work', [run, outcome, refusals]),
  );
}

function outcomeOf(ending: Ending): Outcome {
  if ('answer' in ending) return ending.answer;
  return isCancellation(ending.failure)
    ? { status: 'cancelled', message: 'Cancelled' }
    : { status: 'failed', message: internalFailure(ending.failure).message };
}

function endRun(outcome: Outcome, ending: Ending): Answer {
  if (!isAnswer(outcome)) {
    const failure = 'failure' in ending ? ending.failure : new Error(outcome.message ?? outcome.status);
    if (isCancellation(failure)) throw failure;
    const cause = permanentCause(failure);
    throw cause?.type === FAILURE.invalidRequest ? cause : internalFailure(failure);
  }
  if (outcome.status !== 'error') return outcome;
  // A refused sync is a failed run: that is how people look for it, and the message shows in every list.
  throw expected(FAILURE.refused, outcome.message ?? 'refused', outcome);
}

/** A failure that is no fault of ours. */
function expected(type: string, message: string, detail: unknown): ApplicationFailure {
  const failure = ApplicationFailure.create({
    type,
    message,
    nonRetryable: true,
    details: [detail],
    category: ApplicationFailureCategory.BENIGN,
  });
  failure.stack = ''; // where in our code it was found out tells nobody anything
  return failure;
}
