import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE, type SectionEntries } from '../domain/answer';
import { STEPS, type StepName, type UndoName } from '../domain/sections';
import type {
  Admission,
  DatabaseRefusal,
  Outcome,
  RunArgument,
  SkippedStep,
  StepResult,
  TooLate,
  UndoResult,
} from '../domain/sync';
import { admitSync } from './admitSync';
import { activityFailure } from './failures';
import { measured } from './measure';
import { Passes } from './pass';
import { pruneLedger } from './pruneLedger';
import { recordOutcome } from './recordOutcome';
import { restoreStep } from './restoreStep';
import type { ActivityDependencies } from './run';
import { runStep } from './runStep';

export type { ActivityDependencies } from './run';

/** The activities of a sync; workflows import only this type. */
export type Activities = {
  admitSync(run: RunArgument): Promise<Admission>;
  recordOutcome(run: RunArgument, outcome: Outcome, refusals?: DatabaseRefusal[]): Promise<Outcome>;
  findSearchAttributes(): Promise<string[]>;
  pruneLedger(keepFor: string): Promise<Record<string, number>>;
} & Record<StepName, (run: RunArgument) => Promise<StepResult | SkippedStep>> &
  Record<UndoName, (run: RunArgument) => Promise<UndoResult | TooLate>>;

// A bug fails the run after these. A compensation never gives up: a person sees it pending, and removes its cause.
const BUG_ATTEMPTS = 3;

// How long the transaction of one step of a pass may take: then the step is tried again where people see it.
const STEP_LIMIT_MS = 5_000;

/**
 * Makes the activities for a worker. Each throws only `ApplicationFailure`s, sorted by `activityFailure`
 * into those that Temporal retries and those it does not.
 */
export function createActivities(deps: ActivityDependencies): Activities {
  const activity = <Args extends unknown[], Result>(
    name: keyof Activities,
    run: (...args: Args) => Promise<Result>,
    bugAttempts = BUG_ATTEMPTS,
  ) =>
    measured(deps.metrics, name, (...args: Args): Promise<Result> =>
      // A pass runs in the context of the step that has begun it.
      deps.logContext.run({ ...deps.logContext.getStore(), activity: name }, async () => {
        try {
          return await run(...args);
        } catch (error) {
          const { workflowExecution } = Context.current().info;
          if (workflowExecution) deps.onFailure(workflowExecution);
          throw activityFailure(error, deps.log, bugAttempts);
        }
      }),
    );

  const inPass = new Map(
    STEPS.map((step) => [
      step,
      activity(step.step, (run: RunArgument, before: SectionEntries | null) =>
        limited(runStep(deps, step, run, before)),
      ),
    ]),
  );
  const passes = new Passes(inPass);
  const steps = STEPS.flatMap((step) => {
    const alone = activity(step.step, (run: RunArgument) => runStep(deps, step, run, null));
    return [
      [step.step, (run: RunArgument) => (run.kind === 'unchecked' ? passes.resultOf(step, run) : alone(run))],
      [step.undo, activity(step.undo, (run: RunArgument) => restoreStep(deps, step, run), Infinity)],
    ];
  });
  return {
    ...(Object.fromEntries(steps) as Pick<Activities, StepName | UndoName>),
    admitSync: activity('admitSync', (run) => admitSync(deps, run)),
    recordOutcome: activity('recordOutcome', (...args) => recordOutcome(deps, ...args)),
    findSearchAttributes: () => deps.findSearchAttributes(),
    pruneLedger: (keepFor) => pruneLedger(deps, keepFor),
  };
}

async function limited<T>(work: Promise<T>): Promise<T> {
  const ended = new AbortController();
  const over = sleep(STEP_LIMIT_MS, undefined, { signal: ended.signal }).then(() => {
    const message = `The transaction took longer than ${STEP_LIMIT_MS / 1000} s`;
    throw ApplicationFailure.create({ type: FAILURE.transient, message });
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    ended.abort();
  }
}
