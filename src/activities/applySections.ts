import type { RunIdentity } from '../db/fence';
import type { LedgerChange } from '../db/ledger';
import { addCiReset } from '../db/ciResets';
import { addFollowUps } from '../db/outbox';
import { RowGone, writeRow, type RowChange, type RowWriter } from '../db/rows';
import { databaseFailure } from '../db/sqlState';
import type { SectionEntries } from '../domain/failures';
import type { Write } from '../domain/plan';
import type { SectionName } from '../domain/sections';
import { SECTION_LABELS, sectionsOf, type Step } from '../domain/steps';
import type { Memories, StepInput } from '../domain/sync';
import { isLostRace } from './lostRace';
import { planSection, type SectionPlans } from './sections';
import type { SectionContext } from './sections/section';

/** What the sections of one step did inside its transaction. */
export interface Applied {
  entries: SectionEntries;
  changes: LedgerChange[];
  /** Of the follow-up work, not yet released. */
  outboxIds: string[];
  memories: Memories;
}

/** A step is refused as a whole: how its sections are reported (contract 2 and 3). */
export class StepRefused extends Error {
  readonly code = 'step_refused';
  constructor(readonly entries: SectionEntries) {
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
  const done: Applied = { entries: {}, changes: [], outboxIds: [], memories: {} };
  for (const section of sections) {
    if (policy === 'independent') await tx.query('SAVEPOINT section');
    try {
      const write = async (planned: Write) => {
        done.changes.push({ section, ...(await writeNamed(context, planned, now)) });
      };
      const plan = await planSection(section, provision, { ...context, write }, plans[section]);
      if (plan.messages.length > 0 && policy === 'compensate') throw new Refused(plan.messages.join(', '));
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
      const message = refusal(error, section, isLastTry);
      if (message === null) throw error instanceof WriteFailed ? error.cause : error;
      if (policy === 'compensate') throw new StepRefused(entriesOfRefusedStep(sections, section, message));
      await tx.query('ROLLBACK TO SAVEPOINT section');
      done.changes = done.changes.filter((change) => change.section !== section);
      done.entries[section] = { status: 'error', message };
    }
  }
  return done;
}

/** The rules refuse the section; the message is already worded (contract 4.5). */
class Refused extends Error {}

/** Names the table of a write that failed: PostgreSQL does not for data exceptions and raised ones. */
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

/** @returns the section's message if `error` refuses it for good, else null */
function refusal(error: unknown, section: SectionName, isLastTry: boolean): string | null {
  if (error instanceof Refused) return error.message;
  const cause = error instanceof WriteFailed ? error.cause : error;
  if (cause instanceof RowGone) return couldNotBeSaved(section, cause.code, cause.table);
  const failure = databaseFailure(cause);
  if (failure?.class !== 'refused' || (isLostRace(cause) && !isLastTry)) return null;
  const table = failure.table ?? (error instanceof WriteFailed ? error.table : null);
  return couldNotBeSaved(section, failure.condition, table);
}

/** The message for values that the database refuses although the rules let them pass (contract 3). */
export function couldNotBeSaved(section: SectionName, condition: string, table: string | null): string {
  return `${SECTION_LABELS[section]} could not be saved (${table === null ? condition : `${condition}, ${table}`})`;
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
