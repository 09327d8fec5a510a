import type { RunIdentity } from '../db/fence';
import type { LedgerChange } from '../db/ledger';
import { addCiReset } from '../db/ciResets';
import { holdNamespace } from '../db/namespaces';
import { addFollowUps } from '../db/outbox';
import type { Tx } from '../db/pool';
import { RowGone, writeRow, type RowChange, type RowWriter } from '../db/rows';
import { databaseFailure } from '../db/sqlState';
import type { SectionEntries } from '../domain/failures';
import { checkNamespace } from '../domain/namespaceRules';
import type { Write } from '../domain/plan';
import type { SectionName } from '../domain/sections';
import { sectionsOf, type Step } from '../domain/steps';
import type { DatabaseRefusal, Memories, StepInput } from '../domain/sync';
import { invalidRequestFailure } from '../temporal/failures';
import { couldNotBeSaved, databaseRefusal } from './databaseRefusal';
import { isLostRace } from './lostRace';
import { planSection, type SectionPlans } from './sections';
import type { SectionContext } from './sections/section';

/** What the sections of one step did inside its transaction. */
export interface Applied {
  entries: SectionEntries;
  changes: LedgerChange[];
  /** What the database refused; the other sections stand. */
  refusals: DatabaseRefusal[];
  /** Of the follow-up work, not yet released. */
  outboxIds: string[];
  memories: Memories;
}

/** A step is refused as a whole: how its sections are reported (contract 2 and 3). */
export class StepRefused extends Error {
  readonly code = 'step_refused';
  constructor(
    readonly entries: SectionEntries,
    readonly refusals: DatabaseRefusal[],
  ) {
    super('a section of the step was refused');
  }
}

/**
 * Plans and writes the sections of a step, in order, in its transaction.
 * `plans` holds what this transaction has planned already.
 * Under `compensate` the first refusal ends the step; under `independent` a refused section is taken back to its
 * savepoint and the others stand.
 * @throws StepRefused, or the database's own error where it is transient, a lost race or a bug
 */
export async function applySections(
  context: SectionContext,
  plans: SectionPlans,
  { step, input, run, isLastTry }: { step: Step; input: StepInput; run: RunIdentity; isLastTry: boolean },
): Promise<Applied> {
  const { tx, clock } = context;
  const { provision, policy } = input;
  const sections = sectionsOf(step, provision);
  const { now } = await clock;
  const done: Applied = { entries: {}, changes: [], refusals: [], outboxIds: [], memories: {} };
  for (const section of sections) {
    if (policy === 'independent') await tx.query('SAVEPOINT section');
    try {
      const write = async (planned: Write) => {
        done.changes.push({ section, ...(await writeNamed(context, planned, now)) });
      };
      const plan = await planSection(section, provision, { ...context, write }, plans[section]);
      if (plan.messages.length > 0) await checkStillThere(tx, run);
      if (plan.messages.length > 0 && policy === 'compensate')
        throw new Refused(plan.messages.join(', '), []);
      // In this order: they travel together, on one connection. Counted only when all have been done.
      const [outboxIds, , ...written] = await Promise.all([
        addFollowUps(tx, run, plan.followUps),
        plan.resetsCiUsages ? addCiReset(tx, run.namespaceId) : undefined,
        ...plan.writes.map((planned) => writeNamed(context, planned, now)),
      ]);
      done.changes.push(...written.map((change) => ({ section, ...change })));
      done.outboxIds.push(...outboxIds);
      if (plan.memory) done.memories[section] = plan.memory;
      done.entries[section] =
        plan.messages.length > 0
          ? { status: 'error', message: plan.messages.join(', ') }
          : { status: 'success' };
    } catch (error) {
      const refused = refusal(error, section, isLastTry);
      if (refused === null) throw error instanceof WriteFailed ? error.cause : error;
      const { message, refusals } = refused;
      if (policy === 'compensate') {
        throw new StepRefused(entriesOfRefusedStep(sections, section, message), refusals);
      }
      await tx.query('ROLLBACK TO SAVEPOINT section');
      done.changes = done.changes.filter((change) => change.section !== section);
      done.refusals.push(...refusals);
      done.entries[section] = { status: 'error', message };
    }
  }
  return done;
}

/**
 * The rules may have refused a section for what its namespace has become since the step looked at it: then that is the
 * answer. @throws ApplicationFailure `InvalidRequest`
 */
export async function checkStillThere(tx: Tx, { namespaceId }: RunIdentity): Promise<void> {
  const found = checkNamespace(await holdNamespace(tx, namespaceId));
  if (!found.ok) throw invalidRequestFailure(found.refusal);
}

/** A section is refused, by the rules or by the database; the message is worded (contract 3 and 4.5). */
class Refused extends Error {
  constructor(
    message: string,
    readonly refusals: DatabaseRefusal[],
  ) {
    super(message);
  }

  static by(refusal: DatabaseRefusal): Refused {
    return new Refused(couldNotBeSaved(refusal), [refusal]);
  }
}

/** Names the table of a write that failed. */
class WriteFailed extends Error {
  constructor(
    readonly table: string,
    override readonly cause: unknown,
  ) {
    super('a write failed', { cause });
  }
}

async function writeNamed(writer: RowWriter, write: Write, now: string): Promise<RowChange> {
  try {
    return await writeRow(writer, write, now);
  } catch (error) {
    throw new WriteFailed(write.table, error);
  }
}

/** @returns null if `error` does not refuse the section for good */
function refusal(error: unknown, section: SectionName, isLastTry: boolean): Refused | null {
  if (error instanceof Refused) return error;
  const cause = error instanceof WriteFailed ? error.cause : error;
  if (cause instanceof RowGone) {
    const { code, table } = cause;
    return Refused.by({ section, condition: code, table, constraint: null, text: null });
  }
  const failure = databaseFailure(cause);
  if (failure?.class !== 'refused' || (isLostRace(cause) && !isLastTry)) return null;
  // PostgreSQL names no table for data exceptions and raised ones.
  const table = failure.table ?? (error instanceof WriteFailed ? error.table : null);
  return Refused.by(databaseRefusal(section, { ...failure, table }));
}

/** The step's transaction is rolled back: what came before the refused section is undone, the rest not attempted. */
function entriesOfRefusedStep(
  sections: SectionName[],
  refused: SectionName,
  message: string,
): SectionEntries {
  const at = sections.indexOf(refused);
  const entries: SectionEntries = {};
  sections.forEach((name, index) => {
    entries[name] = { status: index < at ? 'rolled_back' : 'skipped' };
  });
  entries[refused] = { status: 'error', message };
  return entries;
}
