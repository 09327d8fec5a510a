import { Context } from '@temporalio/activity';
import { STEPS, type StepName, type UndoName } from '../domain/steps';
import type {
  Admission,
  DatabaseRefusal,
  Opening,
  Outcome,
  SequenceCall,
  SkippedStep,
  StepCall,
  StepInput,
  StepResult,
  TooLate,
  UndoResult,
} from '../domain/sync';
import { activityFailure } from '../temporal/failures';
import { admitSync } from './admitSync';
import type { ActivityDependencies } from './dependencies';
import { measured } from './measure';
import { recordOutcome } from './recordOutcome';
import { restoreStep } from './restoreStep';
import { runStep } from './runStep';
import { StepSequences } from './sequences';

/** The activities of a sync; workflows import only this type. */
export type Activities = {
  admitSync(opening: Opening): Promise<Admission>;
  recordOutcome(of: Opening | StepInput, outcome: Outcome, refusals?: DatabaseRefusal[]): Promise<Outcome>;
  findSearchAttributes(): Promise<string[]>;
} & Steps;

type Steps = Record<StepName, (call: StepCall | SequenceCall) => Promise<StepResult | SkippedStep>> &
  Record<UndoName, (of: Opening | StepInput) => Promise<UndoResult | TooLate>>;

// A bug fails the run after these. A compensation never gives up: a person sees it pending, and mends what is in its way.
const BUG_ATTEMPTS = 3;

/**
 * Makes the activities for a worker. Each throws only `ApplicationFailure`s, sorted by `activityFailure`
 * into those that Temporal retries and those it does not.
 */
export function createActivities(deps: ActivityDependencies): Activities {
  const activity = <Args extends unknown[], Result>(
    name: keyof Activities,
    run: (deps: ActivityDependencies, ...args: Args) => Promise<Result>,
    bugAttempts = BUG_ATTEMPTS,
  ) =>
    measured(deps.metrics, name, async (...args: Args): Promise<Result> => {
      try {
        return await run(deps, ...args);
      } catch (error) {
        const { workflowExecution: run } = Context.current().info;
        if (run) deps.onTrouble(run);
        throw activityFailure(error, deps.log, bugAttempts);
      }
    });
  const sequences = new StepSequences();
  const steps = STEPS.flatMap((definition) => {
    const { step, undo } = definition;
    const runAlone = activity(step, (given, call: StepCall) => runStep(given, definition, call));
    const restore = (given: ActivityDependencies, of: Opening | StepInput) =>
      restoreStep(given, definition, of);
    return [
      [step, (call: StepCall | SequenceCall) => sequences.call(definition, call, runAlone)],
      [undo, activity(undo, restore, Infinity)],
    ];
  });
  return {
    ...(Object.fromEntries(steps) as Steps),
    admitSync: activity('admitSync', admitSync),
    recordOutcome: activity('recordOutcome', recordOutcome),
    findSearchAttributes: () => deps.findSearchAttributes(),
  };
}
