import type { Logger } from 'pino';
import type { DatabaseFailure } from '../db/sqlState';
import type { SectionName } from '../domain/sections';
import { SECTION_LABELS } from '../domain/steps';
import type { DatabaseRefusal } from '../domain/sync';

/** What people are told of a section that the database refuses although the rules let it pass. Never holds a row's values. */
export function databaseRefusal(
  section: SectionName,
  { condition, table, constraint, text }: DatabaseFailure,
): DatabaseRefusal {
  return { section, condition, table, constraint, text };
}

/** What its caller is told (contract 3). */
export function couldNotBeSaved({ section, condition, table }: DatabaseRefusal): string {
  return `${SECTION_LABELS[section]} could not be saved (${table === null ? condition : `${condition}, ${table}`})`;
}

/** Logs what the database refused, once that is the outcome of a step or of its compensation. */
export function logRefusals(log: Logger, step: string, refusals: DatabaseRefusal[]): void {
  for (const refusal of refusals) log.warn({ step, ...refusal }, 'the database refused a section');
}
