import { Context } from '@temporalio/activity';
import { passFence } from '../db/fence';
import { findStep, recordStep } from '../db/ledger';
import { addFollowUps, releaseFollowUps } from '../db/outbox';
import { withTransaction } from '../db/pool';
import type { StepInput, Outcome } from '../domain/sync';
import type { ActivityDependencies } from './dependencies';
import { runIdentity } from './runIdentity';

const STEP = 'recordOutcome';

/**
 * Records how a run ended and shows the follow-up work of the sections that stand to its consumers (contract 4.6).
 * Run again in the same run it changes nothing.
 */
export async function recordOutcome(
  deps: ActivityDependencies,
  input: StepInput,
  outcome: Outcome,
): Promise<void> {
  const run = runIdentity(input);
  await withTransaction(deps.pool, async (tx) => {
    await passFence(tx, run); // for the lock only: what is done is recorded, also of an overtaken run
    if (await findStep(tx, run, STEP)) return;
    const isReviewFlowDue =
      outcome.status === 'success' || (outcome.status === 'error' && input.policy === 'independent');
    const outboxIds = isReviewFlowDue
      ? await addFollowUps(tx, run, [
          { event: 'enable_code_review_flow', payload: { namespace_id: run.namespaceId } },
        ])
      : [];
    await releaseFollowUps(tx, run);
    await recordStep(tx, run, {
      step: STEP,
      attempt: Context.current().info.attempt,
      correlationId: input.correlation_id,
      changes: [],
      result: outcome,
      outboxIds,
    });
  });
}
