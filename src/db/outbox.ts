import type { FollowUp } from '../domain/plan';
import type { RunIdentity } from './fence';
import type { Tx } from './pool';
import { prepared } from './statement';

const ADD = prepared(
  'add_follow_ups',
  `INSERT INTO provisioning.outbox (namespace_id, event, payload, workflow_id, run_id, created_at)
   SELECT $1, event, payload::jsonb, $2, $3, now()
   FROM ROWS FROM (pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[])) WITH ORDINALITY AS follow_up (event, payload, position)
   ORDER BY position
   RETURNING id`,
);

/** Writes follow-up work that waits for the run's outcome (contract 4.6). @returns the rows' ids. */
export async function addFollowUps(tx: Tx, run: RunIdentity, followUps: FollowUp[]): Promise<string[]> {
  if (followUps.length === 0) return [];
  const { rows } = await tx.query<{ id: string }>(
    ADD(
      run.namespaceId,
      run.workflowId,
      run.runId,
      followUps.map(({ event }) => event),
      followUps.map(({ payload }) => JSON.stringify(payload)),
    ),
  );
  return rows.map(({ id }) => id);
}

/** Takes back the follow-up work of a step that is undone. */
export async function deleteFollowUps(tx: Tx, ids: string[]): Promise<void> {
  if (ids.length > 0) await tx.query('DELETE FROM provisioning.outbox WHERE id = ANY ($1::bigint[])', [ids]);
}

const RELEASE = prepared(
  'release_follow_ups',
  `UPDATE provisioning.outbox SET released_at = now()
   WHERE run_id = $1 AND workflow_id = $2 AND released_at IS NULL`,
);

/** Shows the run's follow-up work to consumers: the run has its outcome. */
export async function releaseFollowUps(tx: Tx, run: RunIdentity): Promise<void> {
  await tx.query(RELEASE(run.runId, run.workflowId));
}
