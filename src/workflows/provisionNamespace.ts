import {
  ApplicationFailure,
  CancellationScope,
  defineSignal,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailureCategory } from '@temporalio/common';
import { FAILURE, type Answer, type InvalidRequest } from '../domain/answer';
import { isSyncId } from '../domain/ids';
import { isAnswer, type Outcome } from '../domain/sync';
import { execute, permanentCause } from './activityCalls';
import { inputProblem } from './inputProblem';
import { makeSearchable } from './makeSearchable';
import { NEWER_SYNC_SIGNAL } from './names';
import { messageOf, Saga, type Ending } from './saga';

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

  const { firstExecutionRunId: chain_id, startTime } = workflowInfo();
  const run = { chain_id, started_at: startTime.toISOString() };
  const saga = new Saga({ kind: 'unchecked', request: request ?? null, ...run }, () => newerSync);
  const ending = await steps
    .run(() => saga.apply())
    .catch((error: unknown) => {
      throw permanentCause(error) ?? error;
    });
  const outcome = await settle(saga, ending);
  setCurrentDetails(saga.details.text(outcome));
  await makeSearchable(saga, outcome);
  return endRun(outcome, ending);
}

const refusedInput = (error: string): InvalidRequest => ({ status: 400, body: { error } });

/** Undoes what must not stand. @returns what the ledger says of how the run ended, written now unless it is there */
async function settle(saga: Saga, ending: Ending): Promise<Outcome> {
  await saga.compensate(ending);
  if (saga.recorded) return saga.recorded;
  try {
    return await record(saga, saga.outcomeOf(ending));
  } catch (error) {
    const failure = error as Error;
    await saga.compensate({ kind: 'failed', failure });
    if (saga.recorded) return saga.recorded;
    await makeSearchable(saga, { status: 'failed', message: null });
    throw internalFailure(failure);
  }
}

function record({ run, refusals }: Saga, outcome: Outcome): Promise<Outcome> {
  return CancellationScope.nonCancellable(() =>
    execute('recordOutcome', 'Record the outcome and release follow-up work', [run, outcome, refusals]),
  );
}

function endRun(outcome: Outcome, ending: Ending): Answer {
  if (!isAnswer(outcome)) {
    const isFailure = ending.kind === 'failed' || ending.kind === 'invalid';
    const failure = isFailure ? ending.failure : new Error(outcome.message ?? outcome.status);
    if (isCancellation(failure)) throw failure;
    const cause = permanentCause(failure);
    throw cause?.type === FAILURE.invalidRequest ? cause : internalFailure(failure);
  }
  if (outcome.status !== 'error') return outcome;
  // A refused sync is a failed run: that is how people look for it, and the message shows in every list.
  throw expected(FAILURE.refused, outcome.message ?? 'refused', outcome);
}

/** A bug ended the run: what the steps left is undone or recorded; the run fails. */
function internalFailure(error: Error): ApplicationFailure {
  return ApplicationFailure.create({
    type: FAILURE.internal,
    message: messageOf(error),
    nonRetryable: true,
    cause: error,
  });
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
  failure.stack = ''; // where in our code it was found tells nobody anything
  return failure;
}
