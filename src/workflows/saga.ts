import { CancellationScope, isCancellation, setCurrentDetails } from '@temporalio/workflow';
import { answerOf, FAILURE, supersededAnswer, type Answer, type SectionEntries } from '../domain/answer';
import { askedSections, askedSteps, requestedProvision, type Step } from '../domain/sections';
import type {
  Admission,
  AdmittedSync,
  DatabaseRefusal,
  Outcome,
  RunArgument,
  SkippedStep,
  StepResult,
} from '../domain/sync';
import { execute, executeInPass, executeVisibly, permanentCause } from './activityCalls';
import { Details } from './details';
import { stepSummary, undoSummary } from './summaries';

/** How the steps ended. */
export type Ending =
  /** With an answer, and nothing is to be undone. */
  | { kind: 'answer'; answer: Answer }
  /** A section was refused that others were applied beside. */
  | { kind: 'refused' }
  /** A newer sync was admitted, or asked this run to stop; its id, or null where it has none. */
  | { kind: 'superseded'; by: number | null }
  /** The namespace was deleted or moved meanwhile. */
  | { kind: 'invalid'; failure: Error }
  /** The run was cancelled, or met a bug. */
  | { kind: 'failed'; failure: Error };

interface FailedStep {
  step: Step;
  error: unknown;
}

/** The steps of one sync, and what undoes them (contract 3). */
export class Saga {
  admission: Admission | null = null;
  /** The outcome once the ledger has it: then nothing else may end the run. */
  recorded: Outcome | null = null;
  /** Whether writes were taken back. */
  isCompensated = false;
  /** What the database refused, for the ledger. */
  readonly refusals: DatabaseRefusal[] = [];
  readonly details = new Details();
  private readonly entries: SectionEntries = {};
  private readonly done = new Set<Step>();
  private readonly requested: object;

  /** @param newerSync the id of a newer sync that asked this run to stop, or null */
  constructor(
    private readonly unchecked: Extract<RunArgument, { kind: 'unchecked' }>,
    private readonly newerSync: () => number | null,
  ) {
    this.requested = requestedProvision(unchecked.request);
  }

  /** What activities are told of the run. */
  get run(): RunArgument {
    return this.admission ? { kind: 'admitted', input: this.admission.input } : this.unchecked;
  }

  /**
   * Admits the sync and runs the asked steps in order.
   * @throws ActivityFailure of a request that is invalid, where nothing has been begun
   */
  async apply(): Promise<Ending> {
    try {
      const failed = await this.runTogether();
      const admission = this.admission ?? (await this.admit());
      if (admission.outcome === 'refused') return { kind: 'answer', answer: answerOf(admission.entries) };
      if (admission.outcome === 'superseded') {
        return { kind: 'answer', answer: supersededAnswer(admission.by) };
      }
      for (const step of askedSteps(admission.input.provision)) {
        if (!this.done.has(step)) await this.runAlone(step, admission.input, failed);
      }
      return { kind: 'answer', answer: answerOf(this.entries) };
    } catch (error) {
      return this.endingOf(error);
    }
  }

  /** Undoes every asked step, newest first, if the ending asks for it. Retried until it can be done. */
  async compensate({ kind }: Ending): Promise<void> {
    const stands = kind === 'failed' && this.admission?.input.policy === 'independent';
    if (kind === 'answer' || stands) return;
    await CancellationScope.nonCancellable(() => this.undo());
  }

  /** What is to be recorded. */
  outcomeOf(ending: Ending): Outcome {
    switch (ending.kind) {
      case 'answer':
        return ending.answer;
      case 'refused':
        return answerOf(this.entries);
      case 'superseded':
        return supersededAnswer(ending.by);
      case 'invalid':
      case 'failed':
        return isCancellation(ending.failure)
          ? { status: 'cancelled', message: 'Cancelled' }
          : { status: 'failed', message: messageOf(ending.failure) };
    }
  }

  /** The normal case: all asked steps at once (`activities/pass`). @returns the first one that failed */
  private async runTogether(): Promise<FailedStep | null> {
    const steps = askedSteps(this.requested);
    const results = await Promise.allSettled(
      steps.map((step) => executeInPass(step.step, stepSummary(step.step, this.requested), [this.unchecked])),
    );
    for (const [index, step] of steps.entries()) {
      const settled = results[index] as (typeof results)[number];
      if (settled.status === 'fulfilled') this.add(step, settled.value);
      else if (isCancellation(settled.reason)) throw settled.reason;
      else return { step, error: settled.reason };
    }
    return null;
  }

  /** After a failure the sync is admitted, and each step run, by itself. */
  private async admit(): Promise<Admission> {
    const admission = await execute('admitSync', 'Check and admit the sync', [this.unchecked]);
    this.admitted(admission);
    return admission;
  }

  private async runAlone(step: Step, input: AdmittedSync, failed: FailedStep | null): Promise<void> {
    const summary = stepSummary(step.step, input.provision);
    setCurrentDetails(this.details.text(null));
    try {
      const hasFailed = failed?.step === step;
      if (hasFailed && permanentCause(failed.error)) throw failed.error;
      this.add(step, await (hasFailed ? executeVisibly : execute)(step.step, summary, [this.run]));
    } catch (error) {
      const cause = permanentCause(error);
      if (cause?.type !== FAILURE.validation) throw error;
      const [entries, refusals = []] = (cause.details ?? []) as [SectionEntries, DatabaseRefusal[]?];
      Object.assign(this.entries, entries);
      this.refusals.push(...refusals);
      if (input.policy === 'compensate') throw error;
    }
  }

  private add(step: Step, result: StepResult | SkippedStep): void {
    if (result.kind === 'skipped') return;
    this.done.add(step);
    if (result.admission && !this.admission) this.admitted(result.admission);
    if (result.answer) this.recorded = result.answer;
    this.details.changed(result.changes);
    Object.assign(this.entries, result.entries);
  }

  private admitted(admission: Admission): void {
    this.admission = admission;
    for (const section of askedSections(admission.input.provision))
      this.entries[section] = { status: 'skipped' };
  }

  // All that are asked: one may have taken effect without this run's knowing, in a worker that crashed then.
  private async undo(): Promise<void> {
    for (const { undo } of askedSteps(this.requested).toReversed()) {
      const undone = await executeVisibly(undo, undoSummary(undo), [this.run]);
      if (undone.kind === 'too_late') {
        this.recorded = undone.recorded;
        return;
      }
      Object.assign(this.entries, undone.entries);
      this.details.undone(undone);
      this.isCompensated ||= undone.restored.length > 0 || undone.kept.length > 0;
    }
  }

  private endingOf(error: unknown): Ending {
    const failure = error as Error;
    const cause = permanentCause(error);
    if (cause?.type === FAILURE.invalidRequest) {
      if (!this.admission) throw error;
      return { kind: 'invalid', failure };
    }
    if (cause?.type === FAILURE.validation) return { kind: 'refused' };
    if (cause?.type === FAILURE.superseded) {
      return { kind: 'superseded', by: (cause.details?.[0] ?? null) as number | null };
    }
    const newer = isCancellation(error) ? this.newerSync() : null;
    return newer === null ? { kind: 'failed', failure } : { kind: 'superseded', by: newer };
  }
}

/** What a failure is told as. */
export function messageOf(failure: Error): string {
  return permanentCause(failure)?.message ?? failure.message;
}
