import { composed } from '../db/statement';
import type { Tx } from '../db/transaction';

/** The one kind of job: send the latest sync of a namespace, or the one that is named. */
export const DELIVER = 'deliver_sync';

/** The payload of a job. What it knows besides is in the tables, so that jobs can be merged. */
export interface Delivery {
  namespace_id: string;
  /** Only for an older sync that a person wants to be sent again. Null: the latest. */
  sync_id: number | null;
}

export interface When {
  /** From now; default 0. */
  delayMs?: number;
  /** Whether a job that waits already keeps its time: a backoff that is going on, or a sync that is to be sent now. */
  keepTime?: boolean;
}

/**
 * Puts a delivery into the queue, within the transaction that it belongs to. At most one waits per key: the waiting
 * one is replaced. A job that is running does not count as waiting.
 */
export async function enqueue(
  tx: Pick<Tx, 'send'>,
  delivery: Delivery,
  { delayMs = 0, keepTime = false }: When,
): Promise<void> {
  // The queue returns no row when the waiting job began to run just now; then there is room for the next one.
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
