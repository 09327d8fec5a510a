import { Context } from '@temporalio/activity';
import { lockFence, type RunIdentity } from '../db/fence';
import { findSteps, recordSteps, type LedgerEntry, type RecordedStep } from '../db/ledger';
import { addFollowUps, releaseFollowUps } from '../db/outbox';
import { withTransaction, type Tx } from '../db/pool';
import { isAnswer, type DatabaseRefusal, type Opening, type Outcome, type StepInput } from '../domain/sync';
import type { ActivityDependencies } from './dependencies';
import { inputOf, runIdentity } from './runIdentity';

/** The outcome's row in the ledger: there is one per run, and it decides how the run ends. */
export const OUTCOME = 'recordOutcome';

/**
 * Records how a run ended and shows the follow-up work of the sections that stand to its consumers (contract 4.6).
 * @param refusals what the database refused, kept beside the outcome for people
 * @returns the outcome that is recorded: this one, unless the run has one already
 */
export async function recordOutcome(
  deps: ActivityDependencies,
  of: Opening | StepInput,
  outcome: Outcome,
  refusals: DatabaseRefusal[] = [],
): Promise<Outcome> {
  const input = inputOf(deps, of);
  const run = runIdentity(input);
  const recorded = await withTransaction(deps.pool, async (tx) => {
    await lockFence(tx, run); // for the lock only: what is done is recorded, also of an overtaken run
    const earlier = outcomeIn(await findSteps(tx, run, [OUTCOME]));
    if (earlier) return earlier;
    const entry = await close(tx, run, input, outcome);
    const result = refusals.length > 0 ? { ...outcome, refusals } : outcome;
    tx.withCommit(recordSteps(tx, run, [{ ...entry, result }]));
    return outcome;
  });
  if (isAnswer(recorded)) deps.onAnswer(run, recorded);
  return recorded;
}

/** The outcome that a run has in the ledger, without what is kept beside it for people; null while there is none. */
export function outcomeIn(steps: Map<string, RecordedStep>): Outcome | null {
  const recorded = steps.get(OUTCOME);
  if (!recorded) return null;
  const { refusals: _, ...outcome } = recorded.result as Outcome & { refusals?: unknown };
  return outcome;
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
