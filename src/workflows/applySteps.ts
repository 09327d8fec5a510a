import { ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import { answerOf, supersededAnswer, type Answer } from '../domain/answer';
import { askedSections } from '../domain/askedSections';
import { FAILURE, type SectionEntries } from '../domain/failures';
import { STEPS } from '../domain/steps';
import type { StepInput } from '../domain/sync';
import { execute, executeVisibly, permanentCause } from './activityCalls';
import { stepSummary, undoSummary } from './summaries';

type Step = (typeof STEPS)[number];

/** How the steps ended: with an answer, or with a failure that is none (cancellation, a bug). */
export type Ending = { answer: Answer } | { failure: Error };

/** The steps of a sync, and what undoes them. */
export interface Saga {
  /** Runs the asked steps in order. Leaves all of them or, where the policy asks for it, none in effect. */
  apply(): Promise<Ending>;
  /** Undoes every step that was begun, newest first; retried until it can be done, also in a cancelled run. */
  undo(): Promise<void>;
}

/**
 * Makes the saga of one admitted sync (contract 3).
 * @param newerSync the id of a newer sync that asked this run to stop, or null
 */
export function createSaga(input: StepInput, newerSync: () => number | null): Saga {
  const { provision, policy } = input;
  const asked = askedSections(provision);
  const entries: SectionEntries = Object.fromEntries(
    asked.map((section) => [section, { status: 'skipped' }]),
  );
  const begun: Step[] = [];

  const undo = () =>
    CancellationScope.nonCancellable(async () => {
      for (const step of begun.toReversed()) {
        const undone = await executeVisibly(step.undo, undoSummary(step.undo), [input]);
        Object.assign(entries, undone.entries);
      }
    });

  const runStep = async (step: Step) => {
    begun.push(step); // before it runs: a step may take effect and its answer still get lost
    try {
      const result = await execute(step.step, stepSummary(step.step, provision), [input]);
      Object.assign(entries, result.entries);
    } catch (error) {
      const cause = permanentCause(error);
      if (cause?.type !== FAILURE.validation) throw error;
      Object.assign(entries, cause.details?.[0] as SectionEntries);
      if (policy === 'compensate') throw new StepRefused();
    }
  };

  const apply = async (): Promise<Ending> => {
    try {
      for (const step of STEPS) {
        if (step.sections.some((section) => asked.includes(section))) await runStep(step);
      }
    } catch (error) {
      const newer = supersededBy(error, newerSync());
      if (policy === 'compensate' || newer) await undo();
      if (newer) return { answer: supersededAnswer(newer.by) };
      if (!(error instanceof StepRefused)) return { failure: error as Error };
    }
    return { answer: answerOf(entries) };
  };

  return { apply, undo };
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
