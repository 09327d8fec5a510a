import type { Pool } from 'pg';
import type { QueueState } from '../metrics/observed';
import { DELIVER } from './enqueue';

/** Looks at the queue. @throws when the database does not answer soon */
export async function queueState(pool: Pool): Promise<QueueState> {
  const { rows } = await pool.query<Record<string, string>>(LOOK);
  const number = (name: string) => Number(rows[0]?.[name] ?? 0);
  return {
    jobs: { due: number('due'), waiting: number('waiting'), running: number('running') },
    dueAgeS: number('due_age'),
    unsentAgeS: number('unsent_age'),
  };
}

// A job that a worker has given up on for its successor has no key; a job for one older sync is no namespace's.
const LOOK = {
  query_timeout: 2_000,
  values: [DELIVER],
  text: `
  SELECT
    count(*) FILTER (WHERE locked_at IS NULL AND run_at <= now()) AS due,
    count(*) FILTER (WHERE locked_at IS NULL AND run_at > now()) AS waiting,
    count(*) FILTER (WHERE locked_at IS NOT NULL) AS running,
    extract(epoch FROM now() - min(run_at) FILTER (WHERE locked_at IS NULL AND run_at <= now())) AS due_age,
    greatest(extract(epoch FROM now() - min(latest.updated_at)), 0) AS unsent_age
  FROM graphile_worker.jobs
  LEFT JOIN LATERAL (
    SELECT updated_at FROM gitlab_namespaces_syncs
    WHERE key LIKE 'namespace:%' AND namespace_id = split_part(key, ':', 2)::bigint
    ORDER BY id DESC LIMIT 1
  ) latest ON true
  WHERE task_identifier = $1`,
};
