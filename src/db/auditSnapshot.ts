import type { Pool } from 'pg';
import { composed, nothing } from './statement';
import { withTransaction, type Tx } from './transaction';

const SNAPSHOT = composed('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY', [], nothing);

/** Runs `work` in a transaction that can only read and sees one state of the database: what an audit page is made of. */
export function withSnapshot<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  return withTransaction(pool, async (tx) => {
    await tx.send(SNAPSHOT);
    const result = await work(tx);
    await tx.commit();
    return result;
  });
}
