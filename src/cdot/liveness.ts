import { Client } from 'pg';
import { SESSION } from '../db/pool';

// The first half of the advisory locks that mark live workers; the second one is the hash of the worker's id.
const LOCK_CLASS = 507_291;

/** The proof that a worker lives: an advisory lock that PostgreSQL releases when the worker's connection ends. */
export interface Liveness {
  /** Takes the lock of a worker. */
  announce(workerId: string): Promise<void>;
  /** Asks for a sign of life of the connection itself. @throws when there is none */
  check(): Promise<unknown>;
  /** Resolves when the connection, and so the lock, is lost. */
  lost: Promise<void>;
  end(): Promise<void>;
}

/** Opens the connection. It must be a session of its own: no pooler that shares sessions may be in between. */
export async function openLiveness(url: string): Promise<Liveness> {
  const client = new Client({
    connectionString: url,
    application_name: 'provisioner cdot liveness',
    connectionTimeoutMillis: 4_000,
    query_timeout: 4_000,
    keepAlive: true,
  });
  const lost = new Promise<void>((resolve) => {
    client.on('error', () => resolve());
    client.on('end', () => resolve());
  });
  await client.connect();
  await client.query(SESSION);
  return {
    lost,
    announce: async (workerId) => {
      await client.query('SELECT pg_advisory_lock($1, hashtext($2))', [LOCK_CLASS, workerId]);
    },
    check: () => client.query('SELECT 1'),
    end: () => client.end(),
  };
}

/** SQL that is true when the worker named by the expression is dead; takes its lock until the transaction ends. */
export const isDead = (workerId: string) => `pg_try_advisory_xact_lock(${LOCK_CLASS}, hashtext(${workerId}))`;

/** SQL of a query that tells whether any worker lives on this database. */
export const ANY_WORKER = `
  SELECT EXISTS (
    SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND classid = ${LOCK_CLASS} AND objsubid = 2 AND granted
      AND datname = current_database()
  ) AS alive`;
