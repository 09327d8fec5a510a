import type { ServiceClient } from '../../../support/client';

/** Records a success for the open run of a namespace, as if its last step had done so and Temporal did not know yet. */
export async function recordOutcomeOf(client: ServiceClient, namespaceId: string): Promise<void> {
  await client.rows(
    `INSERT INTO provisioning.ledger
       (namespace_id, workflow_id, run_id, step, attempt, before, after, result, outbox_ids, created_at)
     SELECT namespace_id, workflow_id, run_id, 'recordOutcome', 1, '[]', '[]', $2, '{}', now()
     FROM provisioning.ledger WHERE namespace_id = $1 AND step = 'admitSync'`,
    [namespaceId, JSON.stringify({ status: 'success', message: null, payload: {} })],
  );
}
