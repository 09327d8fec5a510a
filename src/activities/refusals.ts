import type { Logger } from 'pino';
import { RowNotWritten } from '../db/rows';
import { databaseFailure, type DatabaseFailure } from '../db/sqlState';
import type { SectionEntries } from '../domain/answer';
import { SECTION_FACTS, type SectionName } from '../domain/sections';
import type { DatabaseRefusal } from '../domain/sync';
import { isLostRace } from './secondTry';

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

/** What people are told of a section that the database refuses although the rules let it pass. Never holds a row's values. */
export function databaseRefusal(
  section: SectionName,
  { condition, table, constraint, text }: DatabaseFailure,
): DatabaseRefusal {
  return { section, condition, table, constraint, text };
}

/**
 * Whether an error refuses the section for good that a statement wrote.
 * @param table that the statement wrote: PostgreSQL names none for data exceptions and raised ones
 * @param isLastTry a unique violation is no lost race any more
 */
export function refusalOf(
  error: unknown,
  section: SectionName,
  table: string,
  isLastTry: boolean,
): DatabaseRefusal | null {
  if (error instanceof RowNotWritten) {
    return { section, condition: 'no_data_found', table, constraint: null, text: null };
  }
  const failure = databaseFailure(error);
  if (failure?.class !== 'refused' || (isLostRace(error) && !isLastTry)) return null;
  return databaseRefusal(section, { ...failure, table: failure.table ?? table });
}

/** What the caller of a sync is told of a refusal (contract 3). */
export function couldNotBeSaved({ section, condition, table }: DatabaseRefusal): string {
  const { label } = SECTION_FACTS[section];
  return `${label} could not be saved (${table === null ? condition : `${condition}, ${table}`})`;
}

/** Logs what the database refused, once that is the outcome of a step or of its compensation. */
export function logRefusals(log: Logger, step: string, refusals: DatabaseRefusal[]): void {
  for (const refusal of refusals) log.warn({ step, ...refusal }, 'the database refused a section');
}
