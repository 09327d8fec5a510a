import { createPool } from '../db/pool';
import { isSessionShared } from '../db/pooler';
import { orExplain, StartError } from './startError';

/**
 * Refuses a database behind a pooler that gives sessions to others between transactions.
 * @param variable that names the database
 * @throws StartError
 */
export async function requireOwnSessions(variable: string, url: string): Promise<void> {
  const pool = createPool({ url, applicationName: 'provisioner start', max: 2, onError: () => undefined });
  try {
    const what = `${variable} cannot be used (start that server, or correct it)`;
    if (!(await orExplain(isSessionShared(pool), what))) return;
  } finally {
    await pool.end();
  }
  throw new StartError(
    `${variable} leads through a pooler in transaction mode: use its session mode, or PostgreSQL itself, as the ` +
      'service needs sessions of its own',
  );
}
