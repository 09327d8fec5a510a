import type { Pool } from 'pg';
import { withTransaction, type Tx } from './pool';

/** Runs `work` in a transaction that can only read and sees one state of the database: what an audit page is made of. */
export function withSnapshot<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  return withTransaction(pool, async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    return work(tx);
  });
}
