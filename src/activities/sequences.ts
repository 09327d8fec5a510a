import { setImmediate as nextTurn } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { SectionEntries } from '../domain/failures';
import { isLastStep, type Step } from '../domain/steps';
import type { SequenceCall, SkippedStep, StepCall, StepResult } from '../domain/sync';

/** Runs a step by itself. */
type StepRunner = (call: StepCall) => Promise<StepResult>;

/** The results of the steps so far, in order; null once one of them has failed or has ended the sync. */
type Results = StepResult[] | null;

/**
 * Steps that a workflow task has called at once run one after the other, and answer when the last of them has ended:
 * each answer by itself would cost the workflow a turn. They meet in memory, as all local activities of a workflow task
 * are in the worker that has the task.
 */
export class StepSequences {
  /** By run. */
  private readonly running = new Map<string, Sequence>();

  /** @param run runs the step; called when the steps before have taken effect */
  async call(step: Step, call: StepCall | SequenceCall, run: StepRunner): Promise<StepResult | SkippedStep> {
    if (!('position' in call)) return run(call);
    const { opens, position, count } = call;
    const { info, cancelled } = Context.current();
    const runId = info.workflowExecution?.runId ?? '';
    let sequence = this.running.get(runId);
    if (!sequence?.isFree(position)) this.running.set(runId, (sequence = new Sequence(count)));
    const answer = sequence.take(position, (before) =>
      opens ? run({ opens }) : runAfter(before, step, run),
    );
    try {
      return (await Promise.race([answer, cancelled])) ?? SKIPPED;
    } finally {
      if (this.running.get(runId) === sequence) this.running.delete(runId);
    }
  }
}

const SKIPPED: SkippedStep = { skipped: 'a step before it has failed, or has ended the sync' };

function runAfter(before: StepResult[], step: Step, run: StepRunner): Promise<StepResult> | null {
  const admission = before[0]?.admission;
  if (admission?.outcome !== 'admitted') return null;
  const { input } = admission;
  const entries: SectionEntries = {};
  for (const result of before) Object.assign(entries, result.entries);
  return run({ input, closes: isLastStep(step, input.provision) ? entries : null });
}

/** The steps of one workflow task. */
class Sequence {
  /** Told at each position what the steps before it have returned; behind the last one, that all have ended. */
  private readonly turns: Turn[];
  private readonly taken = new Set<number>();

  constructor(count: number) {
    this.turns = Array.from({ length: count + 1 }, () => new Turn());
    this.turns[0]?.begin([]);
  }

  isFree(position: number): boolean {
    return !this.taken.has(position);
  }

  /** @returns what `work` returns, when all have ended; null when a step before has failed or has ended the sync */
  async take(
    position: number,
    work: (before: StepResult[]) => Promise<StepResult> | null,
  ): Promise<StepResult | null> {
    this.taken.add(position);
    const before = (await this.turns[position]?.begun) ?? null;
    let own: StepResult | null = null;
    try {
      own = before && (await work(before));
      return own;
    } finally {
      this.turns[position + 1]?.begin(before && own && [...before, own]);
      await this.turns.at(-1)?.begun;
      // In their order, as it is that of their rows in the run.
      for (let ahead = 0; ahead < position; ahead += 1) await nextTurn();
    }
  }
}

/** Begins when the step before has ended. */
class Turn {
  begin: (results: Results) => void = () => undefined;
  readonly begun = new Promise<Results>((resolve) => (this.begin = resolve));
}
