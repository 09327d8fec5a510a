import type { Pool } from 'pg';
import type { EventForm } from './deliveries';

/** What a sink still has to get. */
export interface Undelivered {
  /** Released events that it does not have and that are not set aside; 20,000 at most. */
  open: number;
  /** Seconds since the oldest of them was released; 0 where there is none. */
  ageS: number;
  /** Events that are set aside. */
  setAside: number;
}

// By the indexes of what is open, and bounded: the tables themselves may be large.
const LOOK = {
  query_timeout: 2_000,
  text: `
   WITH form AS (
     SELECT * FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS form (event, sink)
   )
   SELECT known.sink, count(open.released_at) AS open,
     coalesce(extract(epoch FROM now() - min(open.released_at)), 0) AS age,
     (SELECT count(*) FROM provisioning.outbox_deliveries AS aside
      WHERE aside.sink = known.sink AND set_aside_at IS NOT NULL) AS set_aside
   FROM (SELECT DISTINCT sink FROM form) AS known LEFT JOIN LATERAL (
     (SELECT released_at FROM provisioning.outbox_deliveries AS delivery JOIN provisioning.outbox ON id = outbox_id
      WHERE delivery.sink = known.sink AND delivery.delivered_at IS NULL AND set_aside_at IS NULL LIMIT 10000)
     UNION ALL
     (SELECT released_at FROM form JOIN provisioning.outbox USING (event)
      WHERE form.sink = known.sink AND released_at IS NOT NULL AND relayed_at IS NULL LIMIT 10000)
   ) AS open ON true
   GROUP BY known.sink`,
};

/**
 * Looks at what each sink still has to get, what no relay has taken up yet included.
 * @throws when the database does not answer soon
 */
export async function undelivered(pool: Pool, forms: EventForm[]): Promise<Record<string, Undelivered>> {
  const { rows } = await pool.query<Record<'sink' | 'open' | 'age' | 'set_aside', string>>({
    ...LOOK,
    values: [forms.map(({ event }) => event), forms.map(({ sink }) => sink)],
  });
  return Object.fromEntries(
    rows.map(({ sink, open, age, set_aside }) => [
      sink,
      { open: Number(open), ageS: Number(age), setAside: Number(set_aside) },
    ]),
  );
}
