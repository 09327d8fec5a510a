import { Context } from '@temporalio/activity';
import type { SectionEntries } from '../domain/failures';
import { askedSteps, type Step } from '../domain/steps';
import type { FollowingCall, SkippedStep, StepCall, StepResult } from '../domain/sync';

/** Runs a step by itself. */
type StepRunner = (call: StepCall) => Promise<StepResult>;

/** The results of the steps of a run so far; null: one of them has failed, or ended the sync. */
type Results = Promise<StepResult[] | null>;

/**
 * Steps that a workflow calls at once run one after the other here. Their results are held back until the last of them
 * has ended: each answer by itself would cost the workflow a turn. They meet in memory, as all local activities of a
 * workflow task are in the worker that has the task; who comes too late to meet the others is skipped.
 */
export class StepSequences {
  private readonly running = new Map<string, Results>();

  /** @param run runs the step; called when the steps before have taken effect */
  async call(step: Step, call: StepCall | FollowingCall, run: StepRunner): Promise<StepResult | SkippedStep> {
    if ('input' in call) return run(call);
    if ('opens' in call) return this.inTurn(0, () => run(call));
    return this.inTurn(call.follows, (before) => {
      const admission = before[0]?.admission;
      if (admission?.outcome !== 'admitted') return null;
      const { input } = admission;
      const isLast = askedSteps(input.provision).at(-1) === step;
      const entries: SectionEntries = {};
      for (const result of before) Object.assign(entries, result.entries);
      return run({ input, closes: isLast ? entries : null });
    });
  }

  private async inTurn(
    position: number,
    work: (before: StepResult[]) => Promise<StepResult> | null,
  ): Promise<StepResult | SkippedStep> {
    const runId = Context.current().info.workflowExecution?.runId ?? '';
    const before: Results = position === 0 ? Promise.resolve([]) : (this.running.get(runId) ?? NONE);
    const own = before.then((results) => (results?.length === position ? work(results) : null));
    const results = Promise.all([before, own]).then(
      ([done, result]) => done && result && [...done, result],
      () => null,
    );
    this.running.set(runId, results);
    await this.end(runId);
    return (await own) ?? { skipped: 'a step before it has failed, or has ended the sync' };
  }

  /** Resolves when the last step that has been called by then has ended. */
  private async end(runId: string): Promise<void> {
    for (let last; last !== this.running.get(runId);) {
      last = this.running.get(runId);
      await last;
    }
    this.running.delete(runId);
  }
}

const NONE: Results = Promise.resolve(null);
