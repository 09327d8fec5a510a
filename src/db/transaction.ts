import type { Pool, PoolClient } from 'pg';
import { isStaleStatement } from './sqlState';
import { nothing, prepared, run, type Statement } from './statement';

/**
 * A transaction. The statements of one call travel together, in one round trip: BEGIN with the first, COMMIT with the
 * last.
 * @throws the error of the first statement that failed; those behind it had no effect
 */
export interface Tx {
  /** @returns the results in order */
  send<Sent extends readonly Statement<unknown>[]>(...statements: Sent): Promise<Results<Sent>>;
  /** Sends what is left, and commits. */
  commit<Sent extends readonly Statement<unknown>[]>(...statements: Sent): Promise<Results<Sent>>;
}

type Results<Sent extends readonly Statement<unknown>[]> = {
  -readonly [Index in keyof Sent]: Sent[Index] extends Statement<infer T> ? T : never;
};

// Prepared: the driver holds it back for what is sent after it.
const BEGIN = prepared('begin', 'BEGIN', nothing)();
const COMMIT: Statement<void> = { text: 'COMMIT', values: [], read: nothing };
const ROLLBACK = { text: 'ROLLBACK', query_timeout: 1_000 };

/**
 * Runs `work` in one READ COMMITTED transaction. Without `commit`, and after an error, it is rolled back.
 * Were BEGIN alone refused, what travels with it would take effect by itself: the first call should only read, lock, or do
 * what may be done twice.
 * A connection is closed instead of being returned to the pool if its rollback fails, or if a prepared statement of it
 * cannot be used any more.
 */
export async function withTransaction<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  const opened = openTransaction(client);
  let broken: Error | undefined;
  try {
    return await work(opened.tx);
  } catch (error) {
    if (isStaleStatement(error)) broken = error;
    throw error;
  } finally {
    // Bounded by itself: after a time-out the connection may still be busy with the statement before.
    if (opened.isOpen()) await client.query(ROLLBACK).catch((error: Error) => (broken = error));
    client.release(broken);
  }
}

function openTransaction(client: PoolClient): { tx: Tx; isOpen: () => boolean } {
  let state: 'new' | 'open' | 'committed' = 'new';
  const exchange = async (statements: readonly Statement<unknown>[], last: Statement<void>[]) => {
    const first = state === 'new' ? [BEGIN] : [];
    state = 'open';
    const results = await Promise.all([...first, ...statements, ...last].map((sent) => run(client, sent)));
    if (last.length > 0) state = 'committed';
    return results.slice(first.length, first.length + statements.length);
  };
  const tx = {
    send: (...statements: Statement<unknown>[]) => exchange(statements, []),
    commit: (...statements: Statement<unknown>[]) => exchange(statements, [COMMIT]),
  };
  return { tx: tx as Tx, isOpen: () => state === 'open' };
}
