import { takeFences } from '../db/fence';
import { findSteps, recordSteps, type LedgerEntry, type RecordedStep } from '../db/ledger';
import { databaseFailure } from '../db/sqlState';
import { withTransaction, type Tx } from '../db/transaction';
import { answerOf, supersededAnswer, type Answer, type SectionEntries } from '../domain/answer';
import { checkNamespace } from '../domain/request';
import { sectionsOf, type Step } from '../domain/sections';
import type { Admission, Memories, RunArgument, StepResult } from '../domain/sync';
import { admit, ADMISSION, checkStillThere } from './admitSync';
import { invalidRequestFailure, supersededFailure, validationFailure } from './failures';
import { closingOf, OUTCOME, outcomeIn } from './recordOutcome';
import { couldNotBeSaved, databaseRefusal, logRefusals, StepRefused } from './refusals';
import { currentAttempt, syncRunOf, type ActivityDependencies, type SyncRun } from './run';
import { withSecondTry } from './secondTry';
import { planSections, readSections, type GitlabTablesNow, type PlannedSection } from './sections';
import { writeSections, type Writing } from './writeSections';

/** The ledger's row of a step that took effect. */
type Recorded = Pick<StepResult, 'entries' | 'attempt' | 'refusals'> & {
  /** For a repeat of the same sync; absent where there is nothing to know. */
  memories?: Memories;
};

/**
 * Runs one step: one transaction that takes the fence, writes the step's sections and records it in the ledger (contract
 * 3 and 5). The first step of a run that is still unchecked admits it, too.
 * Run again in the same run it changes nothing and returns the first result.
 * @param before what became of the sections before, where this is the last step and also records the outcome; else null
 * @throws ApplicationFailure: `ValidationError` with the entries of the step's sections, `Superseded`,
 *   `InvalidRequest`; nothing has been done then, nor has the sync been admitted
 */
export async function runStep(
  deps: ActivityDependencies,
  step: Step,
  run: RunArgument,
  before: SectionEntries | null,
): Promise<StepResult> {
  const sync = syncRunOf(deps, run);
  try {
    const result = await withSecondTry(deps.schema, async (schema, isLastTry) => {
      const attempt: Attempt = {
        ...{ deps, step, sync, before, isLastTry, schema },
        hasCi: deps.ciResets === null,
      };
      if (run.kind === 'admitted') return transaction(attempt, goOn);
      const opened = await transaction(attempt, openRun);
      return opened ?? transaction(attempt, goOnOpened);
    });
    if (result.changes.some(({ section }) => section === 'compute_minutes')) deps.ciResets?.kick();
    if (result.answer) deps.onAnswer(sync.identity, result.answer);
    logRefusals(deps.log, step.step, result.refusals ?? []);
    return result;
  } catch (error) {
    const refused = error instanceof StepRefused ? error : refusedAtCommit(error, step, sync);
    if (!refused) throw error;
    logRefusals(deps.log, step.step, refused.refusals);
    throw validationFailure(refused.entries, refused.refusals);
  }
}

/** Refused by a deferred constraint: which of the step's sections it meant cannot be told. */
function refusedAtCommit(error: unknown, step: Step, { input }: SyncRun): StepRefused | null {
  const failure = databaseFailure(error);
  if (failure?.class !== 'refused') return null;
  const refusals = sectionsOf(step, input.provision).map((name) => databaseRefusal(name, failure));
  const entries: SectionEntries = {};
  for (const refusal of refusals) {
    entries[refusal.section] = { status: 'error', message: couldNotBeSaved(refusal) };
  }
  return new StepRefused(entries, refusals);
}

/** What one attempt of a step is about. */
interface Attempt extends GitlabTablesNow {
  deps: ActivityDependencies;
  step: Step;
  sync: SyncRun;
  before: SectionEntries | null;
  isLastTry: boolean;
}

function transaction<T>(attempt: Attempt, work: (tx: Tx, attempt: Attempt) => Promise<T>): Promise<T> {
  return withTransaction(attempt.deps.pool, (tx) => work(tx, attempt));
}

/** The first step: admits the run and applies the step. @returns null when an earlier attempt has admitted it */
async function openRun(tx: Tx, attempt: Attempt): Promise<StepResult | null> {
  const { deps, step, sync } = attempt;
  const own = sectionsOf(step, sync.input.provision);
  const admitted = await admit(tx, deps, sync, attempt, own);
  if (!admitted) return null;
  const { admission, entry, clock, planned } = admitted;
  const opened = { ...sync, input: admission.input };
  if (admission.outcome === 'admitted') {
    const sections = planned.filter(({ name }) => own.includes(name));
    const result = await apply(tx, { ...attempt, sync: opened, clock }, sections, [entry]);
    return { ...result, admission };
  }
  const answer =
    admission.outcome === 'refused' ? answerOf(admission.entries) : supersededAnswer(admission.by);
  const { statements, entryOf } = closingOf(opened, answer.status);
  await tx.send(...statements);
  await tx.commit(recordSteps(sync.identity, [entry, entryOf(answer)]));
  return { kind: 'done', entries: {}, changes: [], attempt: entry.attempt, admission, answer };
}

/** The first step of a run that an earlier attempt of it has admitted. */
async function goOnOpened(tx: Tx, attempt: Attempt): Promise<StepResult> {
  const [steps] = await tx.send(findSteps(attempt.sync.identity, [ADMISSION]));
  const admission = steps.get(ADMISSION)?.result as Admission;
  return { ...(await goOn(tx, attempt)), admission };
}

/** A step of a run that was admitted before. */
async function goOn(tx: Tx, attempt: Attempt): Promise<StepResult> {
  const { step, sync } = attempt;
  const { identity, input } = sync;
  const sections = sectionsOf(step, input.provision);
  const [fences, recorded, ...states] = await tx.send(
    takeFences([identity]),
    findSteps(identity, [step.step, OUTCOME]),
    ...readSections(sections, attempt, [input.namespace_id]),
  );
  const { overtakenBy, namespace, clock } = fences[0] as (typeof fences)[0];
  const own = recorded.get(step.step);
  // An undone step must stay undone: this is an attempt that the workflow gave up on.
  if (own?.undoResult) throw supersededFailure(null);
  if (own || recorded.has(OUTCOME)) return firstResult(recorded, own);
  if (overtakenBy !== undefined) throw supersededFailure(overtakenBy);
  const found = checkNamespace(namespace);
  if (!found.ok) throw invalidRequestFailure(found.refusal);
  const planned = planSections(
    sections,
    states.map(([state]) => state),
    input,
    clock,
  );
  return apply(tx, { ...attempt, clock }, planned, []);
}

/** @param entries of the ledger that come before that of the step */
async function apply(
  tx: Tx,
  { step, before, ...writing }: Attempt & Writing,
  planned: PlannedSection[],
  entries: LedgerEntry[],
): Promise<StepResult> {
  const { sync } = writing;
  if (planned.some(({ plan }) => plan.messages.length > 0))
    await checkStillThere(tx, sync.input.namespace_id);
  // What the last step leaves is a success, or may stand beside what was refused.
  const closing = before && closingOf(sync, 'success');
  const written = await writeSections(tx, planned, writing, closing?.statements ?? []);
  const { changes, refusals, outboxIds, memories } = written;
  const result: Recorded = {
    entries: written.entries,
    attempt: currentAttempt(),
    ...(refusals.length > 0 && { refusals }),
    ...(Object.keys(memories).length > 0 && { memories }),
  };
  const answer = before && answerOf({ ...before, ...written.entries });
  const own = { step: step.step, correlationId: sync.input.correlation_id, attempt: result.attempt };
  await tx.commit(
    recordSteps(sync.identity, [
      ...entries,
      { ...own, changes, result, outboxIds },
      ...(closing && answer ? [closing.entryOf(answer)] : []),
    ]),
  );
  const { memories: _, ...told } = result;
  return { kind: 'done', ...told, changes, ...(answer && { answer }) };
}

/** What the first attempt returned, of a step that has taken effect or a run that has its outcome. */
function firstResult(recorded: Map<string, RecordedStep>, own: RecordedStep | undefined): StepResult {
  const outcome = outcomeIn(recorded);
  const { memories: _, ...result } = (own?.result as Recorded | undefined) ?? { entries: {}, attempt: 1 };
  return {
    kind: 'done',
    ...result,
    changes: own?.changes ?? [],
    ...(outcome && { answer: outcome as Answer }),
  };
}
