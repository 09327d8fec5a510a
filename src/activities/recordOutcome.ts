import { Context } from '@temporalio/activity';
import { lockFence, type RunIdentity } from '../db/fence';
import { findSteps, recordSteps, type LedgerEntry } from '../db/ledger';
import { addFollowUps, releaseFollowUps } from '../db/outbox';
import { withTransaction, type Tx } from '../db/pool';
import type { Opening, Outcome, StepInput } from '../domain/sync';
import type { ActivityDependencies } from './dependencies';
import { inputOf, runIdentity } from './runIdentity';

/** The outcome's row in the ledger: there is one per run, and it decides how the run ends. */
export const OUTCOME = 'recordOutcome';

/**
 * Records how a run ended and shows the follow-up work of the sections that stand to its consumers (contract 4.6).
 * @returns the outcome that is recorded: this one, unless the run has one already
 */
export async function recordOutcome(
  deps: ActivityDependencies,
  of: Opening | StepInput,
  outcome: Outcome,
): Promise<Outcome> {
  const input = inputOf(deps, of);
  const run = runIdentity(input);
  return withTransaction(deps.pool, async (tx) => {
    await lockFence(tx, run); // for the lock only: what is done is recorded, also of an overtaken run
    const recorded = (await findSteps(tx, run, [OUTCOME])).get(OUTCOME);
    if (recorded) return recorded.result as Outcome;
    tx.withCommit(recordSteps(tx, run, [await close(tx, run, input, outcome)]));
    return outcome;
  });
}

/** Closes a run in `tx`, as `recordOutcome` does. @returns what is to be recorded in the ledger */
export async function close(
  tx: Tx,
  run: RunIdentity,
  { policy, correlation_id, repeats }: StepInput,
  outcome: Outcome,
): Promise<LedgerEntry> {
  // A repeat has no side effects: the first run had them.
  const isReviewFlowDue =
    repeats === null &&
    (outcome.status === 'success' || (outcome.status === 'error' && policy === 'independent'));
  const followUps = isReviewFlowDue
    ? [{ event: 'enable_code_review_flow', payload: { namespace_id: run.namespaceId } }]
    : [];
  const [outboxIds] = await Promise.all([addFollowUps(tx, run, followUps), releaseFollowUps(tx, run)]);
  const { attempt } = Context.current().info;
  return { step: OUTCOME, attempt, correlationId: correlation_id, changes: [], result: outcome, outboxIds };
}
