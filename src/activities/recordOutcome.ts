import { lockFence } from '../db/fence';
import { findSteps, recordSteps, type LedgerEntry, type RecordedStep } from '../db/ledger';
import { addFollowUps, releaseFollowUps } from '../db/outbox';
import { mapped, type Statement } from '../db/statement';
import { withTransaction } from '../db/transaction';
import { isAnswer, type DatabaseRefusal, type Outcome, type RunArgument } from '../domain/sync';
import { currentAttempt, syncRunOf, type ActivityDependencies, type SyncRun } from './run';

/** The outcome's row in the ledger: there is one per run, and it decides how the run ends. */
export const OUTCOME = 'recordOutcome';

/**
 * Records how a run ended and shows the follow-up work of the sections that stand to its consumers (contract 4.6).
 * @param refusals what the database refused, kept beside the outcome for people
 * @returns the outcome that is recorded: this one, unless the run has one already
 */
export async function recordOutcome(
  deps: ActivityDependencies,
  run: RunArgument,
  outcome: Outcome,
  refusals: DatabaseRefusal[] = [],
): Promise<Outcome> {
  const sync = syncRunOf(deps, run);
  const { identity } = sync;
  const recorded = await withTransaction(deps.pool, async (tx) => {
    // For the lock only: what is done is recorded, also of an overtaken run.
    const [, steps] = await tx.send(lockFence(identity), findSteps(identity, [OUTCOME]));
    const earlier = outcomeIn(steps);
    if (earlier) return earlier;
    const { statements, entryOf } = closingOf(sync, outcome.status);
    await tx.send(...statements);
    const result = refusals.length > 0 ? { ...outcome, refusals } : outcome;
    await tx.commit(recordSteps(identity, [{ ...entryOf(outcome), result }]));
    return outcome;
  });
  if (isAnswer(recorded)) deps.onAnswer(identity, recorded);
  return recorded;
}

/** The outcome that a run has in the ledger, without what is kept beside it for people; null while there is none. */
export function outcomeIn(steps: Map<string, RecordedStep>): Outcome | null {
  const recorded = steps.get(OUTCOME);
  if (!recorded) return null;
  const { refusals: _, ...outcome } = recorded.result as Outcome & { refusals?: unknown };
  return outcome;
}

/** What closes a run. */
interface Closing {
  statements: Statement<unknown>[];
  /** The ledger's row of the outcome, once the statements were sent. */
  entryOf(outcome: Outcome): LedgerEntry;
}

/** Releases the follow-up work of a run, and adds that of its outcome. */
export function closingOf(
  { input: { policy, correlation_id: correlationId, memories }, identity }: SyncRun,
  status: Outcome['status'],
): Closing {
  const outboxIds: string[] = [];
  // A repeat has no side effects: the first run had them.
  const isReviewFlowDue =
    memories === null && (status === 'success' || (status === 'error' && policy === 'independent'));
  const payload = { namespace_id: identity.namespaceId };
  const add = addFollowUps(identity, [{ event: 'enable_code_review_flow', payload }]);
  return {
    statements: [
      ...(isReviewFlowDue ? [mapped(add, (ids) => outboxIds.push(...ids))] : []),
      releaseFollowUps(identity),
    ],
    entryOf: (result) => ({
      ...{ step: OUTCOME, attempt: currentAttempt(), correlationId },
      ...{ changes: [], result, outboxIds },
    }),
  };
}
