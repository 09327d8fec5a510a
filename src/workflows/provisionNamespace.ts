import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  setHandler,
  defineSignal,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { Answer } from '../domain/answer';
import { FAILURE } from '../domain/failures';
import type { Opening, Outcome, StepInput } from '../domain/sync';
import { execute, permanentCause } from './activityCalls';
import { createSaga, internalFailure, type Ending, type Progress, type Saga } from './applySteps';
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

/** What the ledger says of how the run ended; written now unless the last step has brought it along. */
async function recordedOutcome(saga: Saga, ending: Ending): Promise<Outcome> {
  const { progress } = saga;
  let outcome = progress.recorded;
  try {
    outcome ??= await record(progress.run, outcomeOf(ending));
  } catch (error) {
    if (progress.admission?.input.policy !== 'independent') await saga.undo();
    outcome = progress.recorded;
    if (!outcome) {
      makeSearchable(progress, { status: 'failed', message: null });
      throw internalFailure(error as Error);
    }
  }
  setCurrentDetails(progress.details.text(outcome));
  makeSearchable(progress, outcome);
  return outcome;
}

function record(run: Opening | StepInput, outcome: Outcome): Promise<Outcome> {
  return CancellationScope.nonCancellable(() =>
    execute('recordOutcome', 'Record the outcome and release follow-up work', [run, outcome]),
  );
}

function makeSearchable({ admission, isCompensated }: Progress, outcome: Outcome): void {
  if (!admission?.searchable) return;
  const { namespace_id, sync_id } = admission.input;
  // The endpoint gives these at the start, for free; a person who starts a run does not.
  const isGiven = workflowInfo().typedSearchAttributes.get(NAMESPACE_ID) !== undefined;
  const attributes = [
    ...(isGiven ? [] : startAttributes(namespace_id, sync_id)),
    ...outcomeAttributes(outcome, isCompensated),
  ];
  if (attributes.length > 0) upsertSearchAttributes(attributes);
}

function outcomeOf(ending: Ending): Outcome {
  if ('answer' in ending) return ending.answer;
  return isCancellation(ending.failure)
    ? { status: 'cancelled', message: 'Cancelled' }
    : { status: 'failed', message: internalFailure(ending.failure).message };
}

function endRun(outcome: Outcome, ending: Ending): Answer {
  if (!('payload' in outcome)) {
    const failure = 'failure' in ending ? ending.failure : new Error(outcome.message ?? outcome.status);
    throw isCancellation(failure) ? failure : internalFailure(failure);
  }
  if (outcome.status !== 'error') return outcome;
  // A refused sync is a failed run: that is how people look for it, and the message shows in every list.
  const refused = ApplicationFailure.create({
    type: FAILURE.refused,
    message: outcome.message ?? 'refused',
    nonRetryable: true,
    details: [outcome],
    category: ApplicationFailureCategory.BENIGN,
  });
  refused.stack = ''; // where in our code it was refused tells nobody anything
  throw refused;
}
