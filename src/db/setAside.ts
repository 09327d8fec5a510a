import type { Pool } from 'pg';
import { ADVANCE, LOCK, SHOW } from './deliveries';
import { relayWaker } from './relayWaker';
import { composed, type Statement } from './statement';
import { withTransaction } from './transaction';

/** An event that a sink refused too often, as `provisioner outbox list --json` prints it. Times are ISO 8601, in UTC. */
export interface SetAside {
  id: string;
  sink: string;
  namespace_id: string;
  event: string;
  run_id: string;
  attempts: number;
  error: string;
  released_at: string;
  set_aside_at: string;
}

/** Events that were named are not there as they would have to be. Nothing was done. */
export class EventsUnknown extends Error {
  readonly code = 'event_not_found';
}

/** What is set aside, the oldest first. */
export async function listSetAside(pool: Pool): Promise<SetAside[]> {
  const { rows } = await pool.query<SetAside>(
    `SELECT outbox.id, sink, outbox.namespace_id, event, run_id, delivery.attempts, error,
       to_json(released_at) #>> '{}' AS released_at, to_json(set_aside_at) #>> '{}' AS set_aside_at
     FROM provisioning.outbox_deliveries AS delivery JOIN provisioning.outbox ON outbox.id = outbox_id
     WHERE set_aside_at IS NOT NULL ORDER BY outbox.id, sink`,
  );
  return rows;
}

/**
 * Has events that are set aside delivered, each with all its tries before it, and before what is younger.
 * @param ids null: all of them
 * @returns how many
 * @throws EventsUnknown
 */
export function retrySetAside(pool: Pool, ids: string[] | null): Promise<number> {
  return change(pool, ids, 'is not set aside', [
    changing(
      `UPDATE provisioning.outbox_deliveries SET set_aside_at = NULL, attempts = 0
       WHERE set_aside_at IS NOT NULL AND ($1::bigint[] IS NULL OR outbox_id = ANY ($1))
       RETURNING outbox_id, sink, namespace_id`,
      ids,
    ),
  ]);
}

/**
 * Gives events up: no sink that does not have them gets them. What waits behind them goes on.
 * @returns how many
 * @throws EventsUnknown
 */
export function discardEvents(pool: Pool, ids: string[]): Promise<number> {
  return change(pool, ids, 'is not released, or delivered already', [
    changing(
      `UPDATE provisioning.outbox SET relayed_at = now()
       WHERE id = ANY ($1::bigint[]) AND released_at IS NOT NULL AND relayed_at IS NULL
       RETURNING id AS outbox_id, NULL AS sink, namespace_id`,
      ids,
    ),
    changing(
      `DELETE FROM provisioning.outbox_deliveries WHERE outbox_id = ANY ($1::bigint[]) AND delivered_at IS NULL
       RETURNING outbox_id, sink, namespace_id`,
      ids,
    ),
  ]);
}

interface Changed {
  outbox_id: string;
  /** Null: no relay has taken it up. */
  sink: string | null;
  namespace_id: string;
}

function changing(text: string, ids: string[] | null): Statement<Changed[]> {
  return composed(text, [ids], (rows: Changed[]) => rows);
}

async function change(
  pool: Pool,
  ids: string[] | null,
  problem: string,
  changes: Statement<Changed[]>[],
): Promise<number> {
  const count = await withTransaction(pool, async (tx) => {
    const [, ...changed] = await tx.send(LOCK(), ...changes);
    const rows = changed.flat();
    const found = new Set(rows.map((row) => row.outbox_id));
    const unknown = ids?.filter((id) => !found.has(id)) ?? [];
    if (unknown.length > 0) {
      throw new EventsUnknown(
        `event ${unknown.join(', ')} ${problem}: provisioner outbox list shows what is set aside`,
      );
    }
    const sinks = [...new Set(rows.flatMap((row) => row.sink ?? []))];
    const advance = sinks.map((sink) =>
      ADVANCE(
        sink,
        rows.flatMap((row) => (row.sink === sink ? [row.namespace_id] : [])),
      ),
    );
    await tx.commit(...advance, SHOW([...found]));
    return found.size;
  });
  relayWaker(pool)();
  return count;
}
