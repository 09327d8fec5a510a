import { Pool, type ClientBase, type PoolClient } from 'pg';
import { BatchingSocket } from './batchingSocket';
import { isStaleStatement } from './sqlState';
import { prepared } from './statement';

/** A connection inside a transaction. */
export interface Tx {
  query: PoolClient['query'];
  /** Lets COMMIT travel with the last statement, which so need not be awaited. */
  withCommit(statement: Promise<unknown>): void;
}

export interface PoolSettings {
  url: string;
  /** Shown in `pg_stat_activity`. */
  applicationName: string;
  /** Connections at most. */
  max: number;
  /** Told about connections that break while nobody uses them; the pool replaces them by itself. */
  onError: (error: Error) => void;
}

/**
 * What each session is set to once the connection is there, in one round trip: poolers refuse most settings that come
 * with the start of one. A function or operator of `public` is only taken where no built-in one fits better: statements
 * name the types, or qualify what takes any type.
 */
export const SESSION = `
  SET statement_timeout = '7s'; SET lock_timeout = '3s'; -- fits the limit of a local activity (workflows/activityCalls)
  SET idle_in_transaction_session_timeout = '30s';
  SET search_path = public, pg_temp;
  SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'`;

/**
 * A connection pool whose values are lossless: int8 and timestamps are strings, dates `YYYY-MM-DD`, all in UTC.
 * Every connection has an error listener, also while it is checked out: without one, Node ends the process when
 * PostgreSQL goes away. Statements are bounded on both sides, so that a half-open network cannot hold a caller.
 */
export function createPool({ url, applicationName, max, onError }: PoolSettings): Pool {
  const pool = new Pool({
    connectionString: url,
    application_name: applicationName,
    max,
    connectionTimeoutMillis: 4_000,
    idleTimeoutMillis: 30_000,
    query_timeout: 8_000,
    keepAlive: true,
    pipeline: true, // statements that do not wait for each other's results travel together
    stream: () => new BatchingSocket(),
    // It is awaited, which its type does not say.
    onConnect: setSession,
    types: { getTypeParser: textOrParsed },
  });
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  return pool;
}

const PARSERS: Record<number, (text: string) => unknown> = {
  16: (text) => text === 't',
  21: Number,
  23: Number,
  114: (text) => JSON.parse(text) as unknown,
  3802: (text) => JSON.parse(text) as unknown,
};

function textOrParsed(oid: number): (text: string) => unknown {
  return PARSERS[oid] ?? ((text) => text);
}

// Prepared, since that is how a statement is held back for what is sent after it.
const BEGIN = prepared('begin', 'BEGIN');
const ROLLBACK = { text: 'ROLLBACK', query_timeout: 1_000 };

function setSession(client: ClientBase): unknown {
  return client.query(SESSION);
}

/** Whether a statement failed only because one before it had: those that travel together meet that. */
function isAftermath(error: unknown): boolean {
  return (error as { code?: string }).code === '25P02';
}

/**
 * Runs `work` in one READ COMMITTED transaction: commits what it did, or rolls back and throws its error. BEGIN travels
 * with what `work` sends first. If BEGIN alone were refused, that would be outside of a transaction, and nothing is
 * sent after it; so `work` should begin with reading or locking.
 * A connection is closed instead of being returned to the pool if its rollback fails, or if a prepared statement of it
 * cannot be used any more.
 */
export async function withTransaction<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  let cause: unknown;
  try {
    let refused: Error | null = null;
    const begun = client.query(BEGIN());
    begun.catch((error: Error) => (refused = error));
    const query = (...args: [string]) => {
      const answer = refused ? Promise.reject(refused) : client.query(...args);
      answer.catch((error: unknown) => (cause = isAftermath(error) ? cause : error));
      return answer;
    };
    const last: Promise<unknown>[] = [];
    const withCommit = (statement: Promise<unknown>) => {
      statement.catch(() => undefined); // whoever waits for the transaction sees it
      last.push(statement);
    };
    const result = await work({ query: query as Tx['query'], withCommit });
    await Promise.all([begun, ...last, query('COMMIT')]);
    return result;
  } catch (thrown) {
    const error = isAftermath(thrown) ? (cause ?? thrown) : thrown;
    if (isStaleStatement(error)) broken = error;
    // Bounded by itself: after a time-out the connection may still be busy with the statement before.
    await client.query(ROLLBACK).catch((failure: Error) => (broken = failure));
    throw error;
  } finally {
    client.release(broken);
  }
}
