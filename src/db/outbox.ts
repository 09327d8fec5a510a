import type { FollowUp } from '../domain/plan';
import type { RunIdentity } from './fence';
import { nothing, prepared, type Statement } from './statement';

const ADD = prepared(
  'add_follow_ups',
  `INSERT INTO provisioning.outbox (namespace_id, event, payload, workflow_id, run_id, created_at)
   SELECT $1, event, payload::jsonb, $2, $3, now()
   FROM ROWS FROM (pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[])) WITH ORDINALITY AS follow_up (event, payload, position)
   ORDER BY position
   RETURNING id`,
  (rows: { id: string }[]) => rows.map(({ id }) => id),
);

/** Writes follow-up work that waits for the run's outcome (contract 4.6). @returns the ids of the rows */
export function addFollowUps(run: RunIdentity, followUps: readonly FollowUp[]): Statement<string[]> {
  const events = followUps.map(({ event }) => event);
  const payloads = followUps.map(({ payload }) => JSON.stringify(payload));
  return ADD(run.namespaceId, run.workflowId, run.runId, events, payloads);
}

/** Takes back the follow-up work of a step that is undone. */
export const deleteFollowUps = prepared(
  'delete_follow_ups',
  'DELETE FROM provisioning.outbox WHERE id = ANY ($1::bigint[])',
  nothing,
) as (ids: string[]) => Statement<void>;

const RELEASE = prepared(
  'release_follow_ups',
  `UPDATE provisioning.outbox SET released_at = now()
   WHERE run_id = $1 AND workflow_id = $2 AND released_at IS NULL`,
  nothing,
);

/** Shows the run's follow-up work to consumers: the run has its outcome. */
export function releaseFollowUps(run: RunIdentity): Statement<void> {
  return RELEASE(run.runId, run.workflowId);
}
