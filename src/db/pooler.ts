import type { Pool } from 'pg';

const ROUNDS = 3;

/**
 * Whether a pooler gives the session of a connection to others between transactions (its transaction mode). The service
 * needs sessions of its own: for settings, prepared statements and locks.
 */
export async function isSessionShared(pool: Pool): Promise<boolean> {
  const [one, other] = [await pool.connect(), await pool.connect()];
  const backendOf = async (client: typeof one) =>
    (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const before = await backendOf(one);
      await other.query('BEGIN');
      const isTaken = (await backendOf(other)) === before;
      // Not asked when it is taken: with a pool of one, it would wait for the end of the transaction.
      const isKept = !isTaken && (await backendOf(one)) === before;
      await other.query('ROLLBACK');
      if (!isKept) return true;
    }
    return false;
  } finally {
    one.release();
    other.release();
  }
}
