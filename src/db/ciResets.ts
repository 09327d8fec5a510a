import type { Pool } from 'pg';
import { NOTIFICATION_LEVEL_FULL } from '../domain/limits';
import { nothing, prepared, type Statement } from './statement';

/** Notes that this month's notification levels of a namespace are to be reset in the CI database (contract 7). */
export const addCiReset = prepared(
  'add_ci_reset',
  `INSERT INTO provisioning.ci_resets (namespace_id, month, created_at, next_attempt_at)
   VALUES ($1, pg_catalog.date_trunc('month', current_date)::date, now(), now())`,
  nothing,
) as (namespaceId: string) => Statement<void>;

/** A reset that is due. int8 is text, the month a date. */
export interface CiReset {
  id: string;
  namespace_id: string;
  month: string;
  attempts: number;
}

/**
 * Takes resets that are due, for longer than one attempt can last: then another takes them from whoever died.
 * @param limit at most so many
 */
export async function takeCiResets(pool: Pool, limit: number): Promise<CiReset[]> {
  const { rows } = await pool.query<CiReset>(
    `UPDATE provisioning.ci_resets SET attempts = attempts + 1, next_attempt_at = now() + interval '15 seconds'
     WHERE id IN (
       SELECT id FROM provisioning.ci_resets WHERE next_attempt_at <= now()
       ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED)
     RETURNING id, namespace_id, month, attempts`,
    [limit],
  );
  return rows;
}

/** Resets the notification levels of all shards of a month, in the CI database (contract 4.3). */
export async function resetCiUsages(ciPool: Pool, resets: CiReset[]): Promise<void> {
  await ciPool.query(
    `UPDATE ci_namespace_monthly_usages AS usage SET notification_level = $3
     FROM ROWS FROM (pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::date[])) AS due (namespace_id, month)
     WHERE usage.namespace_id = due.namespace_id AND usage.date = due.month AND notification_level <> $3`,
    [
      resets.map(({ namespace_id }) => namespace_id),
      resets.map(({ month }) => month),
      NOTIFICATION_LEVEL_FULL,
    ],
  );
}

/** Forgets resets that are done. */
export async function completeCiResets(pool: Pool, resets: CiReset[]): Promise<void> {
  await pool.query('DELETE FROM provisioning.ci_resets WHERE id = ANY ($1::bigint[])', [
    resets.map(({ id }) => id),
  ]);
}

/** Schedules the next attempt: after a second, doubled with each further one, five minutes at most. */
export async function failCiResets(pool: Pool, resets: CiReset[], reason: string): Promise<void> {
  await pool.query(
    `UPDATE provisioning.ci_resets SET error = $2,
       next_attempt_at = now() + least(2 ^ (attempts - 1), 300) * interval '1 second'
     WHERE id = ANY ($1::bigint[])`,
    [resets.map(({ id }) => id), reason],
  );
}

/** How many resets wait, and since when the oldest one does, in seconds. */
export async function pendingCiResets(pool: Pool): Promise<{ count: number; ageS: number }> {
  const { rows } = await pool.query<{ count: string; age: string | null }>(
    'SELECT count(*) AS count, extract(epoch FROM now() - min(created_at)) AS age FROM provisioning.ci_resets',
  );
  return { count: Number(rows[0]?.count ?? 0), ageS: Number(rows[0]?.age ?? 0) };
}
