import { WorkflowContinuedAsNewError, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { type Answer, FAILURE, type InvalidRequest } from '../domain/answer';

/** How a run that did not complete ended, for the caller of the endpoint. */
export type RunFailure =
  | { kind: 'refused'; answer: Answer }
  | { kind: 'invalid'; request: InvalidRequest }
  /** Cancelled or terminated by a person: asking again starts a new run. `how`: the failure's class. */
  | { kind: 'stopped'; how: string }
  | { kind: 'bug' };

/** Reads what `WorkflowHandle.result()` threw; null when that says nothing about the run itself. */
export function readRunFailure(error: unknown): RunFailure | null {
  // Never done by ours, but a person can start something else by that id.
  if (error instanceof WorkflowContinuedAsNewError) return { kind: 'stopped', how: error.name };
  if (!(error instanceof WorkflowFailedError)) return null;
  const { cause } = error;
  if (!(cause instanceof ApplicationFailure)) return { kind: 'stopped', how: cause?.name ?? 'unknown' };
  const detail: unknown = cause.details?.[0];
  if (cause.type === FAILURE.refused) return { kind: 'refused', answer: detail as Answer };
  if (cause.type === FAILURE.invalidRequest) return { kind: 'invalid', request: detail as InvalidRequest };
  return { kind: 'bug' };
}
