import { STEPS, type StepName, type UndoName } from '../domain/steps';
import type {
  Admission,
  Opening,
  Outcome,
  StepCall,
  StepInput,
  StepResult,
  TooLate,
  UndoResult,
} from '../domain/sync';
import { activityFailure } from '../temporal/failures';
import { admitSync } from './admitSync';
import type { ActivityDependencies } from './dependencies';
import { recordOutcome } from './recordOutcome';
import { restoreStep } from './restoreStep';
import { runStep } from './runStep';

/** The activities of a sync; workflows import only this type. */
export type Activities = {
  admitSync(opening: Opening): Promise<Admission>;
  recordOutcome(of: Opening | StepInput, outcome: Outcome): Promise<Outcome>;
} & Steps;

type Steps = Record<StepName, (call: StepCall) => Promise<StepResult>> &
  Record<UndoName, (of: Opening | StepInput) => Promise<UndoResult | TooLate>>;

// A bug fails the run after these. A compensation never gives up: a person sees it pending, and mends what is in its way.
const BUG_ATTEMPTS = 3;

/**
 * Makes the activities for a worker. Each throws only `ApplicationFailure`s, sorted by `activityFailure`
 * into those that Temporal retries and those it does not.
 */
export function createActivities(deps: ActivityDependencies): Activities {
  const activity =
    <Args extends unknown[], Result>(
      run: (deps: ActivityDependencies, ...args: Args) => Promise<Result>,
      bugAttempts = BUG_ATTEMPTS,
    ) =>
    async (...args: Args): Promise<Result> => {
      try {
        return await run(deps, ...args);
      } catch (error) {
        throw activityFailure(error, deps.log, bugAttempts);
      }
    };
  const steps = STEPS.flatMap((definition) => [
    [definition.step, activity((given, call: StepCall) => runStep(given, definition, call))],
    [
      definition.undo,
      activity((given, of: Opening | StepInput) => restoreStep(given, definition, of), Infinity),
    ],
  ]);
  return {
    ...(Object.fromEntries(steps) as Steps),
    admitSync: activity(admitSync),
    recordOutcome: activity(recordOutcome),
  };
}
