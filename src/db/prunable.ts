import type { PrunableTable } from './prune';

/**
 * What may go of the schema `provisioning`. Fences stay.
 *
 * A run goes as a whole, and only when nobody needs it any more. What stays, however old:
 * - the run that a fence names and the newest one of each namespace: they may be open, or be asked for their outcome;
 * - the runs of the newest sync: a repeat of it wants to know what it did (contract 5), and so does CustomersDot's side
 *   after a restore;
 * - the newest run that applied something: what it overwrote is needed to undo it.
 */
export const PRUNABLE: PrunableTable[] = [
  {
    name: 'provisioning.ledger',
    columns: 'namespace_id, sync_id, workflow_id, run_id',
    expression: `
      kept AS MATERIALIZED (
        SELECT namespace_id, fence.sync_id, fence.run_id AS fence_run, newest.run_id AS newest_run,
          applied.run_id AS applied_run
        FROM (SELECT DISTINCT namespace_id FROM seen WHERE created_at < $3::timestamptz) AS namespace
        LEFT JOIN provisioning.fences AS fence USING (namespace_id)
        LEFT JOIN LATERAL (
          SELECT run_id FROM provisioning.ledger WHERE namespace_id = namespace.namespace_id ORDER BY id DESC LIMIT 1
        ) AS newest ON true
        LEFT JOIN LATERAL (
          SELECT run_id FROM provisioning.ledger AS outcome
          WHERE namespace_id = namespace.namespace_id AND step = 'recordOutcome' AND EXISTS (
            SELECT FROM provisioning.ledger AS own
            WHERE own.run_id = outcome.run_id AND own.workflow_id = outcome.workflow_id
              AND own.step NOT IN ('admitSync', 'recordOutcome') AND own.undone_at IS NULL)
          ORDER BY id DESC LIMIT 1
        ) AS applied ON true
      )`,
    isPrunable: `
      EXISTS (
        SELECT FROM kept WHERE kept.namespace_id = row.namespace_id AND (kept.sync_id = row.sync_id) IS NOT TRUE
          AND row.run_id IS DISTINCT FROM fence_run AND row.run_id <> newest_run
          AND row.run_id IS DISTINCT FROM applied_run)
      AND NOT EXISTS (
        SELECT FROM provisioning.ledger AS young
        WHERE young.run_id = row.run_id AND young.workflow_id = row.workflow_id AND young.created_at >= $3::timestamptz)`,
  },
  {
    // What was released long ago: consumers have seen it. What was not, or what a sink still has to get, stays.
    name: 'provisioning.outbox',
    columns: 'released_at',
    isPrunable: `released_at < $3::timestamptz AND NOT EXISTS (
      SELECT FROM provisioning.outbox_deliveries WHERE outbox_id = row.id AND delivered_at IS NULL)`,
  },
];
