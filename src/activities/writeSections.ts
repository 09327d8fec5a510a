import { addCiReset } from '../db/ciResets';
import type { GitlabSchema } from '../db/gitlabSchema';
import { addFollowUps } from '../db/outbox';
import { writeRow } from '../db/rows';
import { composed, mapped, nothing, statementOf, type Statement } from '../db/statement';
import type { Tx } from '../db/transaction';
import type { SectionEntries } from '../domain/answer';
import type { Clock } from '../domain/plan';
import type { SectionName } from '../domain/sections';
import type { Change, DatabaseRefusal, Memories } from '../domain/sync';
import { couldNotBeSaved, refusalOf, StepRefused } from './refusals';
import type { SyncRun } from './run';
import type { PlannedSection } from './sections';

/** What the sections of one step did inside its transaction. */
export interface Written {
  entries: SectionEntries;
  changes: Change[];
  /** What the database refused; the other sections stand. */
  refusals: DatabaseRefusal[];
  /** Of the follow-up work, not yet released. */
  outboxIds: string[];
  memories: Memories;
}

/** What it takes to write in the transaction of a step. */
export interface Writing {
  schema: GitlabSchema;
  sync: SyncRun;
  clock: Clock;
  isLastTry: boolean;
}

/**
 * Writes the planned sections of a step. Under `compensate` they travel together, and the first refusal ends the step;
 * under `independent` a refused section is rolled back to its savepoint and the others stand.
 * @param last statements that travel with the last writes
 * @throws StepRefused, or the database's own error where it is transient, a lost race or a bug
 */
export function writeSections(
  tx: Tx,
  planned: readonly PlannedSection[],
  writing: Writing,
  last: readonly Statement<unknown>[],
): Promise<Written> {
  const write = writing.sync.input.policy === 'compensate' ? writeTogether : writeEach;
  return write(tx, planned, writing, last);
}

async function writeTogether(
  tx: Tx,
  planned: readonly PlannedSection[],
  writing: Writing,
  last: readonly Statement<unknown>[],
): Promise<Written> {
  const refusedAt = planned.findIndex(({ plan }) => plan.messages.length > 0);
  const refused = planned[refusedAt];
  const batch = new Batch(refused ? planned.slice(0, refusedAt) : planned, writing);
  const refuse = (section: SectionName, message: string, refusals: DatabaseRefusal[]) =>
    new StepRefused(refusedEntries(planned, section, message), refusals);
  try {
    await tx.send(...batch.statements, ...(refused ? [] : last));
  } catch (error) {
    const refusal = batch.refusalIn(error);
    throw refusal ? refuse(refusal.section, couldNotBeSaved(refusal), [refusal]) : error;
  }
  if (refused) throw refuse(refused.name, refused.plan.messages.join(', '), []);
  return batch.written;
}

const SAVEPOINT = composed('SAVEPOINT section', [], nothing);
const ROLLBACK_TO_SAVEPOINT = composed('ROLLBACK TO SAVEPOINT section', [], nothing);

async function writeEach(
  tx: Tx,
  planned: readonly PlannedSection[],
  writing: Writing,
  last: readonly Statement<unknown>[],
): Promise<Written> {
  const all: Written = { entries: {}, changes: [], refusals: [], outboxIds: [], memories: {} };
  for (const section of planned) {
    const batch = new Batch([section], writing);
    try {
      await tx.send(SAVEPOINT, ...batch.statements);
      all.changes.push(...batch.written.changes);
      all.outboxIds.push(...batch.written.outboxIds);
      Object.assign(all.memories, batch.written.memories);
      Object.assign(all.entries, batch.written.entries);
    } catch (error) {
      const refusal = batch.refusalIn(error);
      if (!refusal) throw error;
      await tx.send(ROLLBACK_TO_SAVEPOINT);
      all.refusals.push(refusal);
      all.entries[section.name] = { status: 'error', message: couldNotBeSaved(refusal) };
    }
  }
  await tx.send(...last);
  return all;
}

/** The statements of sections that travel together, and what comes of them. */
class Batch {
  readonly statements: Statement<unknown>[] = [];
  readonly written: Written = { entries: {}, changes: [], refusals: [], outboxIds: [], memories: {} };
  private readonly origins = new Map<Statement<unknown>, { section: SectionName; table: string }>();

  constructor(
    planned: readonly PlannedSection[],
    private readonly writing: Writing,
  ) {
    const { schema, sync, clock } = writing;
    for (const { name, plan } of planned) {
      for (const write of plan.writes) {
        const statement = mapped(writeRow(schema, name, write, clock.now), (change) =>
          this.written.changes.push(change),
        );
        this.origins.set(statement, { section: name, table: write.table });
        this.statements.push(statement);
      }
      if (plan.resetsCiUsages) this.statements.push(addCiReset(sync.identity.namespaceId));
      if (plan.memory) this.written.memories[name] = plan.memory;
      this.written.entries[name] =
        plan.messages.length > 0
          ? { status: 'error', message: plan.messages.join(', ') }
          : { status: 'success' };
    }
    const followUps = planned.flatMap(({ plan }) => plan.followUps);
    if (followUps.length === 0) return;
    const add = addFollowUps(sync.identity, followUps);
    this.statements.push(mapped(add, (ids) => this.written.outboxIds.push(...ids)));
  }

  /** What the database refused for good, if that is what an error says. */
  refusalIn(error: unknown): DatabaseRefusal | null {
    const sent = statementOf(error);
    const origin = sent && this.origins.get(sent);
    return origin ? refusalOf(error, origin.section, origin.table, this.writing.isLastTry) : null;
  }
}

/** The step's transaction is rolled back: what came before the refused section is undone, the rest not attempted. */
function refusedEntries(
  planned: readonly PlannedSection[],
  refused: SectionName,
  message: string,
): SectionEntries {
  const names = planned.map(({ name }) => name);
  const at = names.indexOf(refused);
  const entries: SectionEntries = {};
  names.forEach((name, index) => {
    entries[name] = { status: index < at ? 'rolled_back' : 'skipped' };
  });
  entries[refused] = { status: 'error', message };
  return entries;
}
