import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  scheduleActivity,
  scheduleLocalActivity,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { StepName } from '../domain/sections';

// The normal case: inside the workflow task, without a round trip through the server. One attempt, bounded well below
// the time that a caller waits: after a failure an activity goes on where it can be seen.
const LOCAL = {
  startToCloseTimeout: '5s',
  scheduleToCloseTimeout: '7s',
  retry: { maximumAttempts: 1 },
} as const;

// A pass is three transactions of five seconds at most (`activities/index`).
const PASS = { ...LOCAL, startToCloseTimeout: '16s', scheduleToCloseTimeout: '18s' } as const;

// After a failure: pending in the UI and the CLI, retried until it can be done.
const REGULAR = {
  startToCloseTimeout: '20s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
} as const;

type Result<Name extends keyof Activities> = Awaited<ReturnType<Activities[Name]>>;

/**
 * Runs an activity as a local one first and, when that fails for a reason that may pass, as a regular one.
 * @param summary one line for the people who read the run
 * @throws ActivityFailure whose cause is not retryable, or the run's cancellation
 */
export async function execute<Name extends keyof Activities>(
  name: Name,
  summary: string,
  args: Parameters<Activities[Name]>,
): Promise<Result<Name>> {
  try {
    return await executeLocally(name, summary, args);
  } catch (error) {
    if (isCancellation(error) || permanentCause(error)) throw error;
    return executeVisibly(name, summary, args);
  }
}

/** Runs an activity as a local one only. */
export function executeLocally<Name extends keyof Activities>(
  name: Name,
  summary: string,
  args: Parameters<Activities[Name]>,
): Promise<Result<Name>> {
  return scheduleLocalActivity<Result<Name>>(name, args, { ...LOCAL, summary });
}

/** Runs a step as a local activity that shares the pass of its run. */
export function executeInPass<Name extends StepName>(
  name: Name,
  summary: string,
  args: Parameters<Activities[Name]>,
): Promise<Result<Name>> {
  return scheduleLocalActivity<Result<Name>>(name, args, { ...PASS, summary });
}

/** Runs an activity as a regular one whose id is its name, so that people can find and handle it. */
export function executeVisibly<Name extends keyof Activities>(
  name: Name,
  summary: string,
  args: Parameters<Activities[Name]>,
): Promise<Result<Name>> {
  return scheduleActivity<Result<Name>>(name, args, { ...REGULAR, activityId: name, summary });
}

/**
 * The failure that an activity will never get over, or null when trying again may help. A regular activity's comes
 * wrapped in an ActivityFailure, a local one's as it is.
 */
export function permanentCause(error: unknown): ApplicationFailure | null {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.nonRetryable ? cause : null;
}
