import type { ClientBase, Pool } from 'pg';

/** A statement, and what its rows mean. */
export interface Statement<T> {
  /** Each connection has PostgreSQL parse it once under this name; absent: at each call. */
  name?: string;
  text: string;
  values: unknown[];
  read(rows: unknown[]): T;
}

/**
 * A statement that each connection has PostgreSQL parse once, and soon plan once, instead of at each call.
 * @param name unique among the statements of the service
 * @returns takes the values of its parameters
 */
export function prepared<Row, T>(
  name: string,
  text: string,
  read: (rows: Row[]) => T,
): (...values: unknown[]) => Statement<T> {
  return (...values) => ({ name, text, values, read: read });
}

// Every connection keeps them all, and which columns a sync writes is up to its sender.
const MAX_NAMES = 100;
const names = new Map<string, string>();

/** The same for a text that is made at run time. After the first hundred texts it is parsed at each call. */
export function composed<Row, T>(text: string, values: unknown[], read: (rows: Row[]) => T): Statement<T> {
  const statement = { text, values, read: read };
  const name = names.get(text) ?? (names.size < MAX_NAMES ? `composed_${names.size}` : undefined);
  if (name === undefined) return statement;
  names.set(text, name);
  return { ...statement, name };
}

/** The same statement with another result. */
export function mapped<T, U>(statement: Statement<T>, read: (result: T) => U): Statement<U> {
  return { ...statement, read: (rows) => read(statement.read(rows)) };
}

/** Rows in the order of the keys that were asked for; undefined for a key without a row. */
export function inOrderOf<Row>(
  keys: readonly string[],
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): (Row | undefined)[] {
  const found = new Map(rows.map((row) => [keyOf(row), row]));
  return keys.map((key) => found.get(key));
}

/** Reads nothing: for statements that only write. */
export const nothing = (): void => undefined;

/** Runs one statement. @throws the database's error, of which `statementOf` then knows the statement */
export async function run<T>(db: Pool | ClientBase, statement: Statement<T>): Promise<T> {
  const { read, ...query } = statement;
  try {
    const { rows } = await db.query(query);
    return read(rows);
  } catch (error) {
    if (error instanceof Error) failed.set(error, statement);
    throw error;
  }
}

const failed = new WeakMap<Error, Statement<unknown>>();

/** The statement that an error came from; undefined where it came from none. */
export function statementOf(error: unknown): Statement<unknown> | undefined {
  return error instanceof Error ? failed.get(error) : undefined;
}
