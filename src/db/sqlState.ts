import type { DatabaseError } from 'pg';

/**
 * How a database error is answered (contract 3):
 * `refused` permanent, the caller's values do not fit: 422 · `transient` retried · `schema` retried with an alert, as
 * GitLab's tables are not what this version of the service expects · `bug` 500.
 */
export type ErrorClass = 'refused' | 'transient' | 'schema' | 'bug';

/** SQLSTATEs and classes (two characters) that are not bugs. The longest match wins; everything else is a bug. */
export const SQLSTATE_CLASSES: Record<string, ErrorClass> = {
  '22': 'refused', // data exception
  '23': 'refused', // integrity constraint violation
  P0001: 'refused', // raised by a trigger or function
  '23502': 'schema', // a column that the service does not know must not be null
  '42P01': 'schema', // undefined table
  '42703': 'schema', // undefined column
  '42501': 'schema', // insufficient privilege
  '2F002': 'schema', // GitLab's lock of a table that lives in another of its databases
  '08': 'transient', // connection exception
  '26000': 'transient', // a prepared statement that the connection does not have any more: it is closed
  '40': 'transient', // transaction rollback: serialization failure, deadlock
  '53': 'transient', // insufficient resources
  '57': 'transient', // operator intervention: shutdown, cancelled statement, time-outs
  '58': 'transient', // system error outside PostgreSQL
  '55006': 'transient', // object in use
  '55P03': 'transient', // lock not available
  '25006': 'transient', // read-only transaction: a failover that is under way
  '25P03': 'transient', // idle in transaction time-out
  '25P04': 'transient', // transaction time-out
  '28000': 'transient', // not let in: set right by an operator, not by another request
  '28P01': 'transient', // wrong password, e.g. while it is being rotated
  '3D000': 'transient', // the database is not there (yet)
};

const RAISED = 'P0001';

// Named in messages; PostgreSQL's own condition names.
const CONDITION_NAMES: Record<string, string> = {
  '22001': 'string_data_right_truncation',
  '22003': 'numeric_value_out_of_range',
  '22007': 'invalid_datetime_format',
  '22008': 'datetime_field_overflow',
  '22021': 'character_not_in_repertoire',
  '22023': 'invalid_parameter_value',
  '22P02': 'invalid_text_representation',
  '22P05': 'untranslatable_character',
  '23000': 'integrity_constraint_violation',
  '23001': 'restrict_violation',
  '23502': 'not_null_violation',
  '23503': 'foreign_key_violation',
  '23505': 'unique_violation',
  '23514': 'check_violation',
  '23P01': 'exclusion_violation',
  '42501': 'insufficient_privilege',
  '42703': 'undefined_column',
  '42P01': 'undefined_table',
  '2F002': 'modifying_sql_data_not_permitted',
  P0001: 'raise_exception',
};

// What Node and the driver report when there is no answer from PostgreSQL at all.
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
  'EMFILE',
]);

/** What is known of an error thrown by the driver. */
export interface DatabaseFailure {
  class: ErrorClass;
  /** The SQLSTATE or the network error's code; `no_answer` for the driver's own time-outs. */
  code: string;
  /** The condition's name, e.g. `check_violation`; the code where it has none. */
  condition: string;
  table: string | null;
  constraint: string | null;
  /** What a trigger or function said; PostgreSQL's own texts may quote values. */
  text: string | null;
}

const NO_NAMES = { table: null, constraint: null, text: null };
const MAX_TEXT = 500;

/** The class of a SQLSTATE, e.g. `23514`. */
export function classOfSqlState(sqlState: string): ErrorClass {
  return SQLSTATE_CLASSES[sqlState] ?? SQLSTATE_CLASSES[sqlState.slice(0, 2)] ?? 'bug';
}

/**
 * Sorts an error that came out of a database call.
 * @returns null when it did not come from the database, the driver or the network.
 */
export function databaseFailure(error: unknown): DatabaseFailure | null {
  if (!(error instanceof Error)) return null;
  const { code, table, constraint, severity } = error as Error & Partial<DatabaseError>;
  if (severity !== undefined && code !== undefined) {
    return {
      class: isStaleStatement(error) ? 'transient' : classOfSqlState(code),
      code,
      condition: CONDITION_NAMES[code] ?? code,
      table: table ?? null,
      constraint: constraint ?? null,
      text: code === RAISED ? error.message.slice(0, MAX_TEXT) : null,
    };
  }
  if (code !== undefined && NETWORK_CODES.has(code)) {
    return { class: 'transient', code, condition: code, ...NO_NAMES };
  }
  if (isAggregate(error)) return databaseFailure(error.errors[0]);
  return DRIVER_MESSAGES.some((message) => error.message.includes(message))
    ? { class: 'transient', code: 'no_answer', condition: 'no_answer', ...NO_NAMES }
    : null;
}

/**
 * Whether a prepared statement of the connection cannot be used any more: it is gone, or its table was altered so that
 * the result has other columns or types. For the latter PostgreSQL has no SQLSTATE of its own.
 */
export function isStaleStatement(error: unknown): error is Error {
  const { code, routine } = error as { code?: string; routine?: string };
  return error instanceof Error && (code === '26000' || routine === 'RevalidateCachedQuery');
}

// The driver gives these no code; its texts are the only mark.
const DRIVER_MESSAGES = [
  'Connection terminated',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Client was closed',
  'Cannot use a pool after calling end on the pool',
  'server does not support SSL connections',
];

function isAggregate(error: Error): error is AggregateError {
  return error instanceof AggregateError;
}
