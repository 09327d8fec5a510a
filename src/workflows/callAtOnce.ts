import { isCancellation } from '@temporalio/workflow';
import { isCorrelationId } from '../domain/correlationId';
import { askedSteps, type Step } from '../domain/steps';
import type { Opening, StepResult } from '../domain/sync';
import { executeLocally } from './activityCalls';
import { stepSummary } from './summaries';

/** How far the steps came when all of them were called at once. */
export interface Reached {
  /** In their order. */
  done: { step: Step; result: StepResult }[];
  /** The one behind these, if it has failed rather than been skipped. */
  failed: { step: Step; error: unknown } | null;
}

/**
 * The normal case: all asked steps at once, of which the first one brings the admission along, and the last one the
 * record of the outcome (`activities/sequences`).
 * @throws the run's cancellation
 */
export async function callAtOnce(opening: Opening, provision: object): Promise<Reached> {
  const steps = askedSteps(provision);
  const { correlation_id: sent } = (opening.request ?? {}) as { correlation_id?: unknown };
  const correlation_id = isCorrelationId(sent) ? sent : null;
  const results = await Promise.allSettled(
    steps.map((step, position) =>
      executeLocally(step.step, stepSummary(step.step, provision), [
        { opens: position === 0 ? opening : null, correlation_id, position, count: steps.length },
      ]),
    ),
  );
  const done: Reached['done'] = [];
  for (const [index, step] of steps.entries()) {
    const settled = results[index] as (typeof results)[number];
    if (settled.status === 'rejected') {
      if (isCancellation(settled.reason)) throw settled.reason;
      return { done, failed: { step, error: settled.reason } };
    }
    if ('skipped' in settled.value) break;
    done.push({ step, result: settled.value });
  }
  return { done, failed: null };
}
