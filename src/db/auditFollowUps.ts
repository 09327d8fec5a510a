import { composed, type Statement } from './statement';

/** How far a sink has got with an event. Times are as PostgreSQL prints them, in UTC. */
export interface AuditedDelivery {
  sink: string;
  attempts: number;
  delivered_at: string | null;
  set_aside_at: string | null;
  /** Why the last try failed. */
  error: string | null;
}

/** An event that a run wrote, and where it went. */
export interface AuditedFollowUp {
  id: string;
  event: string;
  /** Null: it waits for the outcome of its run. */
  released_at: string | null;
  /** Null: no relay has taken it up. */
  relayed_at: string | null;
  deliveries: AuditedDelivery[];
}

// What was undone is not there any more.
const FIND = `
  SELECT outbox.run_id, outbox.id, event, released_at, relayed_at, sink, delivery.attempts, delivery.delivered_at, set_aside_at, error
  FROM provisioning.ledger CROSS JOIN LATERAL pg_catalog.unnest(outbox_ids) AS written (id)
  JOIN provisioning.outbox ON outbox.id = written.id
  LEFT JOIN provisioning.outbox_deliveries AS delivery ON outbox_id = outbox.id
  WHERE ledger.run_id = ANY ($1) ORDER BY outbox.id, sink`;

type Row = Omit<AuditedFollowUp, 'deliveries'> &
  Omit<AuditedDelivery, 'sink'> & { run_id: string; sink: string | null };

/** The follow-up work of runs that is there, by the run's id. */
export function findFollowUps(runIds: string[]): Statement<Map<string, AuditedFollowUp[]>> {
  return composed(FIND, [runIds], (rows: Row[]) => {
    const byRun = new Map<string, AuditedFollowUp[]>();
    for (const { run_id, id, event, released_at, relayed_at, sink, ...delivery } of rows) {
      const ofRun = byRun.get(run_id) ?? [];
      byRun.set(run_id, ofRun);
      if (ofRun.at(-1)?.id !== id) ofRun.push({ id, event, released_at, relayed_at, deliveries: [] });
      if (sink !== null) ofRun.at(-1)?.deliveries.push({ sink, ...delivery });
    }
    return byRun;
  });
}
