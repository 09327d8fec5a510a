import { Logger as QueueLogger } from 'graphile-worker';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { composed } from '../db/statement';
import type { Tx } from '../db/transaction';
import type { QueueState } from '../metrics/observed';

/** The one kind of job: send the latest sync of a namespace, or the one that is named. */
export const DELIVER = 'deliver_sync';

/** The payload of a job. All else is in the tables, so that jobs can be merged. */
export interface Delivery {
  namespace_id: string;
  /** Only for an older sync that a person wants to be sent again. Null: the latest. */
  sync_id: number | null;
}

export interface When {
  /** From now; default 0. */
  delayMs?: number;
  /** Whether a waiting job keeps its time: that of its backoff, or now. */
  keepTime?: boolean;
}

/**
 * Puts a delivery into the queue, within its transaction. At most one job waits per key: a waiting one is replaced. A
 * running job does not count as waiting.
 */
export async function enqueue(
  tx: Pick<Tx, 'send'>,
  delivery: Delivery,
  { delayMs = 0, keepTime = false }: When,
): Promise<void> {
  // The queue returns no row when the waiting job has just begun to run; then the next one fits.
  for (let tries = 1; tries <= 5; tries++) {
    const mode = keepTime ? 'preserve_run_at' : 'replace';
    const values = [DELIVER, JSON.stringify(delivery), delayMs, MAX_RUNS, jobKey(delivery), mode];
    const [id] = await tx.send(
      composed(ADD_JOB, values, ([row]: { id: string | null }[]) => row?.id ?? null),
    );
    if (id !== null) return;
  }
  throw new Error(`The job of namespace ${delivery.namespace_id} could not be put into the queue`);
}

const ADD_JOB = `
  SELECT id FROM graphile_worker.add_job(
    identifier => $1, payload => $2::json, run_at => clock_timestamp() + $3 * interval '1 millisecond',
    max_attempts => $4, job_key => $5, job_key_mode => $6)`;

// Tries are counted with the attempts. The queue's own count only grows when a worker dies or throws.
const MAX_RUNS = 32_767;

function jobKey({ namespace_id, sync_id }: Delivery): string {
  return sync_id === null ? `namespace:${namespace_id}` : `sync:${sync_id}`;
}

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

// A job that was replaced while it ran has no key; a job for one older sync belongs to no namespace.
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

// The queue reports each job; the attempt's own log line has what matters.
const LEVELS = { error: 'error', warning: 'warn', info: 'debug', debug: 'trace' } as const;

/** Sends the job queue's log lines to ours: their text only, as what comes with them holds whole jobs. */
export function queueLogger(log: Logger): QueueLogger {
  return new QueueLogger(() => (level, message) => {
    log[LEVELS[level as keyof typeof LEVELS] ?? 'info']({ component: 'queue' }, message);
  });
}
