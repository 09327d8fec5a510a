import { Context } from '@temporalio/activity';
import type { SectionEntries } from '../domain/answer';
import { askedSteps, requestedProvision, type Step, type StepName } from '../domain/sections';
import type { RunArgument, SkippedStep, StepResult } from '../domain/sync';

/** How each step is run. @param before as for `runStep` */
export type StepRunners = ReadonlyMap<
  Step,
  (run: RunArgument, before: SectionEntries | null) => Promise<StepResult>
>;

type Unchecked = Extract<RunArgument, { kind: 'unchecked' }>;

const SKIPPED: SkippedStep = {
  kind: 'skipped',
  reason: 'a step before it has failed, or has ended the sync',
};

/**
 * The normal case: a workflow task calls all steps of its run at once. They share one pass, which runs one step after the
 * other, and answer when it has ended: each answer by itself would cost the workflow a turn. They meet in memory, as all
 * local activities of a workflow task are in the worker that has the task.
 */
export class Passes {
  /** By run. */
  private readonly running = new Map<string, Pass>();

  constructor(private readonly runners: StepRunners) {}

  /** The result of one step of the pass. @throws what the step threw, or the activity's cancellation */
  async resultOf({ step }: Step, run: Unchecked): Promise<StepResult | SkippedStep> {
    const { info, cancelled, cancellationSignal } = Context.current();
    const runId = info.workflowExecution?.runId ?? '';
    let pass = this.running.get(runId);
    if (!pass || pass.isStopped) this.running.set(runId, (pass = new Pass(run, this.runners)));
    cancellationSignal.addEventListener('abort', pass.stop);
    try {
      return await Promise.race([pass.resultOf(step), cancelled]);
    } finally {
      cancellationSignal.removeEventListener('abort', pass.stop);
      if (this.running.get(runId) === pass) this.running.delete(runId);
    }
  }
}

/** One way through the steps of a run. */
class Pass {
  private readonly stopping = new AbortController();
  readonly stop = () => this.stopping.abort();
  private readonly results = new Map<StepName, Promise<StepResult>>();
  /** Told at the end, in the order of the steps, as that is the order of their rows in the run. */
  private readonly ended = new Map<StepName, Promise<void>>();

  constructor(run: Unchecked, runners: StepRunners) {
    const steps = askedSteps(requestedProvision(run.request));
    let ended = this.run(run, steps, runners);
    for (const { step } of steps) this.ended.set(step, (ended = ended.then(() => undefined)));
  }

  get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  async resultOf(step: StepName): Promise<StepResult | SkippedStep> {
    await this.ended.get(step);
    return (await this.results.get(step)) ?? SKIPPED;
  }

  private async run(unchecked: Unchecked, steps: Step[], runners: StepRunners): Promise<void> {
    await Promise.resolve(); // whoever begins it may still stop it
    let run: RunArgument = unchecked;
    const entries: SectionEntries = {};
    for (const step of steps) {
      if (this.isStopped) return;
      const result: Promise<StepResult> | undefined = runners.get(step)?.(
        run,
        step === steps.at(-1) ? entries : null,
      );
      if (!result) return;
      this.results.set(step.step, result);
      const done: StepResult | null = await result.catch(() => null);
      if (!done) return;
      if (done.admission) {
        if (done.admission.outcome !== 'admitted') return;
        run = { kind: 'admitted', input: done.admission.input };
      }
      Object.assign(entries, done.entries);
    }
  }
}
