import { Context } from '@temporalio/activity';
import { withTransaction, type Tx } from '../db/pool';
import { passFence } from '../db/fence';
import { findSteps, recordSteps, type LedgerChange, type LedgerEntry, type RecordedStep } from '../db/ledger';
import { databaseFailure } from '../db/sqlState';
import { answerOf, supersededAnswer, type Answer } from '../domain/answer';
import type { SectionEntries } from '../domain/failures';
import { isLastStep, sectionsOf, type Step } from '../domain/steps';
import type { Admission, Change, Memories, StepCall, StepInput, StepResult } from '../domain/sync';
import { checkNamespace } from '../domain/namespaceRules';
import { invalidRequestFailure, supersededFailure, validationFailure } from '../temporal/failures';
import { admit, ADMISSION } from './admitSync';
import { applySections, StepRefused } from './applySections';
import { couldNotBeSaved, databaseRefusal, logRefusals } from './databaseRefusal';
import type { ActivityDependencies } from './dependencies';
import { withSecondTry } from './lostRace';
import { close, OUTCOME, outcomeIn } from './recordOutcome';
import { inputOf, runIdentity } from './runIdentity';
import { planAhead, type SectionPlans } from './sections';
import type { SectionContext } from './sections/section';

/** The ledger's row of a step that took effect. */
type Recorded = Pick<StepResult, 'entries' | 'attempt' | 'refusals'> & {
  /** For a repeat of the same sync; absent where there is nothing to know. */
  memories?: Memories;
};

/**
 * Runs one step: one transaction that passes the fence, writes the step's sections and records it in the ledger
 * (contract 3 and 5); where the call says so, the sync is admitted before and its outcome recorded after the step.
 * Run again in the same run it changes nothing and returns the first result.
 * @throws ApplicationFailure: `ValidationError` with the entries of the step's sections, `Superseded`,
 *   `InvalidRequest`; nothing has been done then, nor has the sync been admitted
 */
export async function runStep(deps: ActivityDependencies, step: Step, call: StepCall): Promise<StepResult> {
  const input = inputOf(deps, 'opens' in call ? call.opens : call.input);
  try {
    const result = await withSecondTry(deps.schema, (isLastTry) =>
      withTransaction(deps.pool, (tx) => stepTransaction(tx, { ...deps, step, input, call, isLastTry })),
    );
    if (result.changes.some(({ section }) => section === 'compute_minutes')) deps.ciResets?.kick();
    if (result.answer) deps.onAnswer(runIdentity(input), result.answer);
    logRefusals(deps.log, step.step, result.refusals ?? []);
    return result;
  } catch (error) {
    const refused = error instanceof StepRefused ? error : refusedAtCommit(error, step, input);
    if (!refused) throw error;
    logRefusals(deps.log, step.step, refused.refusals);
    throw validationFailure(refused.entries, refused.refusals);
  }
}

/** Refused by a deferred constraint: which of the step's sections it meant cannot be told. */
function refusedAtCommit(error: unknown, step: Step, input: StepInput): StepRefused | null {
  const failure = databaseFailure(error);
  if (failure?.class !== 'refused') return null;
  const refusals = sectionsOf(step, input.provision).map((name) => databaseRefusal(name, failure));
  const entries: SectionEntries = {};
  for (const refusal of refusals) {
    entries[refusal.section] = { status: 'error', message: couldNotBeSaved(refusal) };
  }
  return new StepRefused(entries, refusals);
}

/** What the transaction of one attempt is about. */
interface Attempt extends ActivityDependencies {
  step: Step;
  input: StepInput;
  call: StepCall;
  isLastTry: boolean;
}

async function stepTransaction(tx: Tx, attempt: Attempt): Promise<StepResult> {
  const { step, input, call, billableMembers } = attempt;
  const run = runIdentity(input);
  if ('opens' in call) {
    const opened = await openRun(tx, attempt);
    if (opened) return opened;
  }

  const schema = await attempt.schema.current();
  const fence = passFence(tx, run);
  const context = {
    ...{ tx, schema, clock: fence, repeats: input.repeats, namespaceId: run.namespaceId },
    ...{ hasCi: attempt.ciResets === null, billableMembers },
  };
  const plans = planAhead(sectionsOf(step, input.provision), input.provision, context);
  const [{ overtakenBy, namespace }, recorded] = await Promise.all([
    fence,
    findSteps(tx, run, [step.step, OUTCOME, ...('opens' in call ? [ADMISSION] : [])]),
  ]);
  const own = recorded.get(step.step);
  // An undone step must stay undone: this is an attempt that the workflow gave up on.
  if (own?.undoResult) throw supersededFailure(null);
  if (own || recorded.has(OUTCOME)) return firstResult(call, recorded, own);
  if (overtakenBy !== undefined) throw supersededFailure(overtakenBy);
  const found = checkNamespace(namespace);
  if (!found.ok) throw invalidRequestFailure(found.refusal);
  return applyStep(context, attempt, [], plans);
}

/** @returns null when an earlier attempt has opened the run */
async function openRun(tx: Tx, attempt: Attempt): Promise<StepResult | null> {
  const { input } = attempt;
  const run = runIdentity(input);
  const admitted = await admit(tx, attempt, input, run);
  if (!admitted) return null;
  const { admission, entry, context, plans } = admitted;
  if (admission.outcome === 'admitted') {
    const opened = { ...attempt, input: admission.input };
    return { ...(await applyStep(context, opened, [entry], plans)), admission };
  }
  const answer =
    admission.outcome === 'refused' ? answerOf(admission.entries) : supersededAnswer(admission.by);
  tx.withCommit(recordSteps(tx, run, [entry, await close(tx, run, input, answer)]));
  return { entries: {}, changes: [], attempt: entry.attempt, admission, answer };
}

async function applyStep(
  context: SectionContext,
  attempt: Attempt,
  before: LedgerEntry[],
  plans: SectionPlans,
): Promise<StepResult> {
  const { tx } = context;
  const { step, input } = attempt;
  const run = runIdentity(input);
  const applied = await applySections(context, plans, { ...attempt, run });
  const { entries, changes, refusals, outboxIds, memories } = applied;
  const isRemembered = Object.keys(memories).length > 0;
  const result: Recorded = {
    entries,
    attempt: Context.current().info.attempt,
    ...(refusals.length > 0 && { refusals }),
    ...(isRemembered && { memories }),
  };
  const closes = sectionsBefore(attempt);
  const answer = closes && answerOf({ ...closes, ...entries });
  const after = answer ? [await close(tx, run, input, answer)] : [];
  const own: LedgerEntry = {
    step: step.step,
    attempt: result.attempt,
    correlationId: input.correlation_id,
    changes,
    result,
    outboxIds,
  };
  tx.withCommit(recordSteps(tx, run, [...before, own, ...after]));
  return { entries, attempt: result.attempt, changes: changes.map(readable), ...(answer && { answer }) };
}

/** What became of the sections before, if this step is to record the outcome of the run; else null. */
function sectionsBefore({ call, step, input }: Attempt): SectionEntries | null {
  if (!('opens' in call)) return call.closes;
  return isLastStep(step, input.provision) ? {} : null;
}

/** What the first attempt returned, of a step that has taken effect or a run that has its outcome. */
function firstResult(
  call: StepCall,
  recorded: Map<string, RecordedStep>,
  own: RecordedStep | undefined,
): StepResult {
  const outcome = outcomeIn(recorded);
  const { memories: _, ...result } = (own?.result as Recorded | undefined) ?? { entries: {}, attempt: 1 };
  return {
    ...result,
    changes: own?.changes.map(readable) ?? [],
    ...('opens' in call && { admission: recorded.get(ADMISSION)?.result as Admission }),
    ...(outcome && { answer: outcome as Answer }),
  };
}

function readable({ section, before, after }: LedgerChange): Change {
  return { section, table: after.table, key: after.key, before: before.values, after: after.values };
}
