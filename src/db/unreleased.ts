import type { Pool } from 'pg';

/**
 * Looks at the follow-up work that consumers do not see yet, at 10,000 rows at most.
 * @returns how many rows there are, and the age of the oldest in seconds, 0 where there is none
 * @throws when the database does not answer soon
 */
export async function unreleasedFollowUps(pool: Pool): Promise<{ rows: number; ageS: number }> {
  const { rows } = await pool.query<Record<string, string>>(UNRELEASED);
  return { rows: Number(rows[0]?.['rows']), ageS: Number(rows[0]?.['age']) };
}

// By the index of unreleased rows, and bounded: the table itself may be large.
export const UNRELEASED = {
  query_timeout: 2_000,
  text: `
  SELECT count(*) AS rows, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS age
  FROM (SELECT created_at FROM provisioning.outbox WHERE released_at IS NULL LIMIT 10000) AS unreleased`,
};
