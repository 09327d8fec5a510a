import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  setCurrentDetails,
} from '@temporalio/workflow';
import { answerOf, supersededAnswer, type Answer } from '../domain/answer';
import { askedSections } from '../domain/askedSections';
import { FAILURE, type SectionEntries } from '../domain/failures';
import { askedSteps, isLastStep, type Step } from '../domain/steps';
import type { Admission, DatabaseRefusal, Opening, Outcome, StepInput, StepResult } from '../domain/sync';
import { execute, executeVisibly, permanentCause } from './activityCalls';
import { callAtOnce } from './callAtOnce';
import { Details } from './details';
import { stepSummary, undoSummary } from './summaries';

/** How the steps ended: with an answer, or with a failure that is none (cancellation, a bug). */
export type Ending = { answer: Answer } | { failure: Error };

/** How far a run has come. */
export interface Progress {
  /** What activities are told of the run: its request as it came, until it is admitted. */
  run: Opening | StepInput;
  admission: Admission | null;
  /** The outcome once the ledger has it: then nothing else may end the run. */
  recorded: Outcome | null;
  /** Whether writes were taken back. */
  isCompensated: boolean;
  /** What the database refused, for the ledger. */
  refusals: DatabaseRefusal[];
  details: Details;
}

/** The steps of a sync, and what undoes them. */
export interface Saga {
  progress: Readonly<Progress>;
  /**
   * Admits the sync and runs the asked steps in order. Leaves all of them or, where the policy asks for it, none in
   * effect. @throws ActivityFailure of a request that is invalid, where nothing has been begun
   */
  apply(): Promise<Ending>;
  /** Undoes every asked step, newest first; retried until it can be done, also in a cancelled run. */
  undo(): Promise<void>;
}

/**
 * Makes the saga of one run (contract 3).
 * @param newerSync the id of a newer sync that asked this run to stop, or null
 */
export function createSaga(opening: Opening, newerSync: () => number | null): Saga {
  const details = new Details();
  const progress: Progress = {
    run: opening,
    admission: null,
    recorded: null,
    isCompensated: false,
    refusals: [],
    details,
  };
  const entries: SectionEntries = {};
  const requested = requestedProvision(opening.request);

  // All that are asked: one may have taken effect without this run's knowing, in a worker that crashed then.
  const undo = () =>
    CancellationScope.nonCancellable(async () => {
      for (const step of askedSteps(requested).toReversed()) {
        const undone = await executeVisibly(step.undo, undoSummary(step.undo), [progress.run]);
        if ('recorded' in undone) {
          progress.recorded = undone.recorded;
          return;
        }
        Object.assign(entries, undone.entries);
        details.undone(undone);
        progress.isCompensated ||= undone.restored.length > 0 || undone.kept.length > 0;
      }
    });

  const admitted = (admission: Admission) => {
    progress.admission = admission;
    progress.run = admission.input;
    for (const section of askedSections(admission.input.provision)) entries[section] = { status: 'skipped' };
  };

  /** In trouble the sync is admitted for itself, too. */
  const admit = async (): Promise<Admission> => {
    const admission = await execute('admitSync', 'Check and admit the sync', [opening]);
    admitted(admission);
    return admission;
  };

  const took = ({ admission, answer, ...result }: StepResult) => {
    if (admission) admitted(admission);
    if (answer) progress.recorded = answer;
    details.changed(result.changes);
    Object.assign(entries, result.entries);
  };

  const refused = (error: unknown, { policy }: StepInput) => {
    const cause = permanentCause(error);
    if (cause?.type !== FAILURE.validation) throw error;
    const [refused, refusals = []] = (cause.details ?? []) as [SectionEntries, DatabaseRefusal[]?];
    Object.assign(entries, refused);
    progress.refusals.push(...refusals);
    if (policy === 'compensate') throw new StepRefused();
  };

  /** In trouble each step is run for itself. @param failure of its first attempt, if it had one */
  const runStep = async (step: Step, input: StepInput, failure: unknown) => {
    const summary = stepSummary(step.step, input.provision);
    setCurrentDetails(details.text(null));
    try {
      if (permanentCause(failure)) throw failure;
      const alone = { input, closes: null };
      const closing = { input, closes: isLastStep(step, input.provision) ? entries : null };
      const result = failure
        ? await executeVisibly(step.step, summary, [alone])
        : await execute(step.step, summary, [closing], [alone]);
      took(result as StepResult); // only those that are called at once can be skipped
    } catch (error) {
      refused(error, input);
    }
  };

  const apply = async (): Promise<Ending> => {
    try {
      const { done, failed } = await callAtOnce(opening, requested);
      for (const { result } of done) took(result);
      const admission = progress.admission ?? (await admit());
      if (admission.outcome === 'refused') return { answer: answerOf(admission.entries) };
      if (admission.outcome === 'superseded') return { answer: supersededAnswer(admission.by) };
      const { input } = admission;
      const left = askedSteps(input.provision).filter((step) => !done.some((taken) => taken.step === step));
      for (const step of left) await runStep(step, input, step === failed?.step ? failed.error : null);
    } catch (error) {
      // Of an admitted sync: its namespace was deleted or moved meanwhile.
      const isInvalid = permanentCause(error)?.type === FAILURE.invalidRequest;
      if (isInvalid && !progress.admission) throw error;
      const newer = supersededBy(error, newerSync());
      if (progress.admission?.input.policy !== 'independent' || newer || isInvalid) await undo();
      if (newer) return { answer: supersededAnswer(newer.by) };
      if (!(error instanceof StepRefused)) return { failure: error as Error };
    }
    return { answer: answerOf(entries) };
  };

  return { progress, apply, undo };
}

/** What a request asks for, as far as it can be told before it is checked. */
function requestedProvision(request: unknown): object {
  const provision = (request as { provision?: unknown } | null)?.provision;
  return typeof provision === 'object' && provision !== null ? provision : {};
}

/** Ends the steps of a sync of which one section was refused; the entries say which. */
class StepRefused extends Error {}

function supersededBy(error: unknown, newerSync: number | null): { by: number | null } | null {
  if (isCancellation(error)) return newerSync === null ? null : { by: newerSync };
  const cause = permanentCause(error);
  return cause?.type === FAILURE.superseded ? { by: (cause.details?.[0] ?? null) as number | null } : null;
}

/** A bug ended the run: what the steps left is undone or recorded; the run fails. */
export function internalFailure(error: Error): ApplicationFailure {
  return ApplicationFailure.create({
    type: FAILURE.internal,
    message: permanentCause(error)?.message ?? error.message,
    nonRetryable: true,
    cause: error,
  });
}
