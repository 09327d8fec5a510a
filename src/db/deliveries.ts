import type { Pool } from 'pg';
import { composed, mapped, nothing, prepared, type Statement } from './statement';
import { withTransaction } from './transaction';

/** A form that a sink has for an event. Events without one are not taken up: they wait for a sink that has. */
export interface EventForm {
  event: string;
  sink: string;
}

/** An event that one sink is to get now. int8 is text. */
export interface DueEvent {
  id: string;
  namespace_id: string;
  event: string;
  payload: Record<string, unknown>;
  run_id: string;
  sync_id: string | null;
  correlation_id: string | null;
  /** Seconds since 1970 as a decimal, to the microsecond. */
  created_at: string;
  released_at: string;
  /** Tries of this sink before this one that have ended. */
  attempts: number;
  /** Until when nobody else tries it. It names this claim. */
  lease: string;
}

/** What came of a try. */
export interface Settlement {
  event: Pick<DueEvent, 'id' | 'namespace_id' | 'lease'>;
  /** Null: the sink has it. */
  error: string | null;
  /** Milliseconds until the next try; null: there is none, as it is delivered or set aside. */
  waitMs: number | null;
}

/** One turn of a sink. */
export interface Turn {
  due: DueEvent[];
  /** Of the settled ones that were delivered: seconds since their release. */
  delays: number[];
  /** Whether more may be waiting to be taken up. */
  isFull: boolean;
  /** Milliseconds until the next event is due, 0 or less if it is by now; null: none is. */
  nextMs: number | null;
}

const TAKE_UP = 1_000;

// Longer than a try can last: then another relay takes the event from whoever died.
const LEASE = `interval '15 seconds'`;

// One number for all relays of a database. Whoever holds it sees all that others have claimed and settled; without it,
// two could each find their event the first one of its namespace. It is held for one round trip.
export const LOCK = prepared('lock_deliveries', 'SELECT pg_advisory_xact_lock(5072911)', nothing);

// What the last moments before a crash of the database settled is delivered once more: that is no reason to wait for its disk.
const HASTEN = prepared(
  'hasten_turn',
  `SELECT pg_catalog.set_config('synchronous_commit', 'off', true)`,
  nothing,
);

const OPEN = 'delivered_at IS NULL AND set_aside_at IS NULL';

/** Whether an event of a sink and a namespace is under way, or waits for its next try: then others wait for it. */
const hasFirst = (sink: string, namespaceId: string) => `EXISTS (
  SELECT FROM provisioning.outbox_deliveries AS first
  WHERE first.sink = ${sink} AND first.namespace_id = ${namespaceId} AND ${OPEN} AND next_at IS NOT NULL)`;

const SETTLE = prepared(
  'settle_deliveries',
  `UPDATE provisioning.outbox_deliveries AS delivery SET
     attempts = delivery.attempts + 1,
     error = tried.error,
     next_at = statement_timestamp() + tried.wait_ms * interval '1 millisecond',
     delivered_at = CASE WHEN tried.error IS NULL THEN statement_timestamp() END,
     set_aside_at = CASE WHEN tried.error IS NOT NULL AND wait_ms IS NULL THEN statement_timestamp() END
   FROM ROWS FROM (pg_catalog.unnest($2::bigint[]), pg_catalog.unnest($3::timestamptz[]), pg_catalog.unnest($4::text[]),
     pg_catalog.unnest($5::float8[])) AS tried (id, lease, error, wait_ms)
   JOIN provisioning.outbox ON outbox.id = tried.id
   WHERE delivery.sink = $1 AND delivery.outbox_id = tried.id AND delivery.next_at = tried.lease
   RETURNING extract(epoch FROM delivery.delivered_at - released_at) AS delay`,
  (rows: { delay: string | null }[]) => rows.flatMap(({ delay }) => (delay === null ? [] : [Number(delay)])),
);

export const ADVANCE = prepared(
  'advance_deliveries',
  `UPDATE provisioning.outbox_deliveries SET next_at = statement_timestamp()
   WHERE sink = $1 AND outbox_id IN (
     SELECT (
       SELECT min(outbox_id) FROM provisioning.outbox_deliveries
       WHERE sink = $1 AND namespace_id = done.namespace_id AND ${OPEN})
     FROM (SELECT DISTINCT pg_catalog.unnest($2::bigint[]) AS namespace_id) AS done
     WHERE NOT ${hasFirst('$1', 'done.namespace_id')})`,
  nothing,
);

export const SHOW = prepared(
  'show_deliveries',
  `UPDATE provisioning.outbox SET attempts = greatest(outbox.attempts, tried.attempts), delivered_at = tried.delivered_at
   FROM (
     SELECT outbox_id, max(attempts) AS attempts,
       CASE WHEN pg_catalog.bool_and(delivered_at IS NOT NULL) THEN max(delivered_at) END AS delivered_at
     FROM provisioning.outbox_deliveries WHERE outbox_id = ANY ($1::bigint[]) GROUP BY outbox_id
   ) AS tried
   WHERE id = outbox_id`,
  nothing,
);

// The oldest ones of each event, by the index of those that are not taken up; then the oldest of them all.
const TAKE_UP_RELEASED = prepared(
  'take_up_released',
  `WITH form AS (
     SELECT * FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS form (event, sink)
   ), relayed AS (
     UPDATE provisioning.outbox SET relayed_at = now() WHERE id IN (
       SELECT oldest.id FROM (SELECT DISTINCT event FROM form) AS known CROSS JOIN LATERAL (
         SELECT id FROM provisioning.outbox
         WHERE outbox.event = known.event AND released_at IS NOT NULL AND relayed_at IS NULL ORDER BY id LIMIT $3
       ) AS oldest ORDER BY oldest.id LIMIT $3)
     RETURNING id, namespace_id, event
   ), added AS (
   INSERT INTO provisioning.outbox_deliveries (outbox_id, sink, namespace_id, next_at)
   SELECT id, sink, namespace_id, CASE
     WHEN pg_catalog.row_number() OVER (PARTITION BY sink, namespace_id ORDER BY id) = 1
       AND NOT ${hasFirst('form.sink', 'relayed.namespace_id')} THEN statement_timestamp() END
   FROM relayed JOIN form USING (event)
   RETURNING outbox_id
   )
   SELECT count(*) AS count FROM added`,
  ([row]: { count: string }[]) => Number(row?.count),
);

const CLAIM = prepared(
  'claim_deliveries',
  `WITH due AS (
     SELECT outbox_id FROM provisioning.outbox_deliveries
     WHERE sink = $1 AND next_at <= statement_timestamp() ORDER BY next_at, outbox_id LIMIT $2
   ), claimed AS (
     UPDATE provisioning.outbox_deliveries AS delivery SET next_at = statement_timestamp() + ${LEASE}
     FROM due WHERE delivery.sink = $1 AND delivery.outbox_id = due.outbox_id
     RETURNING delivery.outbox_id, delivery.attempts, delivery.next_at AS lease
   )
   SELECT outbox.id, outbox.namespace_id, event, payload, run_id, sync_id, correlation_id,
     extract(epoch FROM outbox.created_at) AS created_at, extract(epoch FROM released_at) AS released_at,
     claimed.attempts, lease
   FROM claimed JOIN provisioning.outbox ON outbox.id = outbox_id LEFT JOIN LATERAL (
     SELECT sync_id, correlation_id FROM provisioning.ledger
     WHERE ledger.run_id = outbox.run_id AND ledger.workflow_id = outbox.workflow_id ORDER BY ledger.id LIMIT 1
   ) AS run ON true
   ORDER BY outbox.id`,
  (rows: DueEvent[]) => rows,
);

const NEXT = prepared(
  'next_delivery',
  `SELECT extract(epoch FROM min(next_at) - statement_timestamp()) * 1000 AS ms
   FROM provisioning.outbox_deliveries WHERE sink = $1 AND next_at IS NOT NULL`,
  ([row]: { ms: string | null }[]) => (row && row.ms !== null ? Number(row.ms) : null),
);

/**
 * Settles tries of a sink, takes up what was released, and claims what is due, one event of each namespace at most: all
 * in one transaction, whose statements travel together.
 * @param forms of all sinks: whoever comes first takes up for all of them
 * @param room claims so many at most
 */
export async function takeTurn(
  pool: Pool,
  { sink, forms, settled, room }: { sink: string; forms: EventForm[]; settled: Settlement[]; room: number },
): Promise<Turn> {
  const turn: Turn = { due: [], delays: [], isFull: false, nextMs: null };
  const takeUp = TAKE_UP_RELEASED(
    forms.map(({ event }) => event),
    forms.map((form) => form.sink),
    TAKE_UP,
  );
  return withTransaction(pool, async (tx) => {
    await tx.commit(
      LOCK(),
      HASTEN(),
      ...(settled.length === 0 ? [] : settle(sink, settled, (delays) => (turn.delays = delays))),
      mapped(takeUp, (count) => (turn.isFull = count >= TAKE_UP)),
      ...(room <= 0 ? [] : [mapped(CLAIM(sink, room), (due) => (turn.due = due))]),
      mapped(NEXT(sink), (nextMs) => (turn.nextMs = nextMs)),
    );
    return turn;
  });
}

/**
 * Lets the first event of each namespace go ahead where none does: a person has deleted the one before. It reads all that
 * is open, so it is for the start.
 */
export async function mendDeliveries(pool: Pool): Promise<void> {
  await withTransaction(pool, (tx) => tx.commit(LOCK(), composed(MEND, [], nothing)));
}

const MEND = `
  UPDATE provisioning.outbox_deliveries SET next_at = now() WHERE (outbox_id, sink) IN (
    SELECT min(outbox_id), sink FROM provisioning.outbox_deliveries WHERE ${OPEN}
    GROUP BY sink, namespace_id HAVING count(next_at) = 0)`;

function settle(
  sink: string,
  settled: Settlement[],
  onDelays: (delays: number[]) => void,
): Statement<unknown>[] {
  const column = <T>(read: (settlement: Settlement) => T) => settled.map(read);
  const ids = column(({ event }) => event.id);
  const tried = SETTLE(
    ...[sink, ids],
    column(({ event }) => event.lease),
    column(({ error }) => error),
    column(({ waitMs }) => waitMs),
  );
  return [
    mapped(tried, onDelays),
    ADVANCE(
      sink,
      column(({ event }) => event.namespace_id),
    ),
    SHOW(ids),
  ];
}
