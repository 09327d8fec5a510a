import { Pool } from 'pg';
import { Client, Connection } from '@temporalio/client';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';
import type { Cluster } from './cluster';
import type { SentSync } from './load';

/** Waits until no run of any namespace is open any more: the service has recovered by itself. */
export async function waitUntilQuiet(cluster: Cluster): Promise<void> {
  const connection = await Connection.connect({ address: cluster.temporalAddress() });
  const client = new Client({ connection });
  const open = `WorkflowType = "provisionNamespace" AND ExecutionStatus = "Running"`;
  await eventually(async () => (await client.workflow.count(open)).count === 0, 'no run is open', 90_000);
  await connection.close();
}

/**
 * Holds every table against a reference model that is fed with the same syncs.
 * @returns what is wrong, one line each
 */
export async function judge(databaseUrl: string, sent: SentSync[]): Promise<string[]> {
  const pool = new Pool({ connectionString: databaseUrl, max: 2 });
  const verdict: string[] = [];
  try {
    for (const namespaceId of new Set(sent.map((sync) => sync.namespaceId))) {
      const own = sent.filter((sync) => sync.namespaceId === namespaceId);
      verdict.push(...(await judgeNamespace(pool, namespaceId, own)));
    }
  } finally {
    await pool.end();
  }
  return verdict;
}

interface Step {
  sync_id: string;
  run_id: string;
  step: string;
  status: string | null;
  undone: boolean;
  histories: number;
  outbox_ids: string[];
}

async function judgeNamespace(pool: Pool, namespaceId: string, sent: SentSync[]): Promise<string[]> {
  const all = async <Row>(sql: string) => (await pool.query(sql, [namespaceId])).rows as Row[];
  const ledger = await all<Step>(
    `SELECT sync_id, run_id, step, result ->> 'status' AS status, undone_at IS NOT NULL AS undone,
       (SELECT count(*) FROM jsonb_array_elements(after) AS image
        WHERE image ->> 'table' = 'gitlab_subscription_histories')::int AS histories,
       outbox_ids::text[] AS outbox_ids
     FROM provisioning.ledger WHERE namespace_id = $1 ORDER BY id`,
  );
  const wrong: string[] = [];
  const check = (isRight: boolean, what: string) => {
    if (!isRight) wrong.push(`namespace ${namespaceId}: ${what}`);
  };

  // Answers against effects.
  const succeeded = ledger.filter(({ step, status }) => step === 'recordOutcome' && status === 'success');
  const applied = succeeded.map(({ sync_id }) => Number(sync_id));
  for (const sync of sent) {
    const isApplied = applied.includes(sync.syncId);
    if (sync.status === 200) {
      check(sync.isValid && isApplied, `sync ${sync.syncId} was answered 200 but is not in the ledger`);
      check(
        succeeded.some(({ run_id }) => run_id === sync.runId),
        `the run that answered sync ${sync.syncId} has no outcome`,
      );
    }
    if (sync.status === 422) check(!sync.isValid, `sync ${sync.syncId} is valid but was answered 422`);
    if (sync.status === 409) {
      check(
        sent.some((other) => other.syncId > sync.syncId),
        `sync ${sync.syncId} was answered 409 but is the newest`,
      );
    }
  }
  check(
    applied.every((syncId, index) => index === 0 || syncId >= (applied[index - 1] ?? 0)),
    `an older sync was applied after a newer one: ${applied.join(', ')}`,
  );
  const newest = Math.max(...sent.map(({ syncId }) => syncId));
  const newestSent = sent.filter(({ syncId }) => syncId === newest);
  check(
    newestSent.every(({ status, isValid }) => status === (isValid ? 200 : 422)),
    `the newest sync ${newest} was answered ${newestSent.map(({ status }) => status).join(', ')}`,
  );

  // State against the last sync that was applied: all of it, or nothing.
  const [row] = await all<Record<string, unknown>>(STATE);
  const last = applied.at(-1);
  check(
    JSON.stringify(row?.['state']) === JSON.stringify(last === undefined ? NOTHING : stateAfter(last)),
    `holds ${JSON.stringify(row?.['state'])} after sync ${last}`,
  );

  // Exactly once: each history row and each follow-up belongs to one step that stands.
  const standing = ledger.filter(({ undone }) => !undone);
  const histories = await all<{ id: string }>(
    'SELECT id FROM gitlab_subscription_histories WHERE namespace_id = $1',
  );
  const recorded = standing.reduce((sum, step) => sum + step.histories, 0);
  check(histories.length === recorded, `${histories.length} history rows, the ledger has ${recorded}`);
  const outbox = await all<{ id: string; run_id: string; released: boolean }>(
    'SELECT id, run_id, released_at IS NOT NULL AS released FROM provisioning.outbox WHERE namespace_id = $1 ORDER BY id',
  );
  // A run that Temporal has lost has none.
  const finished = new Set(ledger.filter(({ step }) => step === 'recordOutcome').map(({ run_id }) => run_id));
  const owned = standing.flatMap((step) => step.outbox_ids).sort((a, b) => Number(a) - Number(b));
  check(
    JSON.stringify(outbox.map(({ id }) => id)) === JSON.stringify(owned),
    'the outbox is not what the ledger says',
  );
  check(
    outbox.every(({ run_id, released }) => released || !finished.has(run_id)),
    'follow-up work of a finished run was not released',
  );
  return wrong;
}

const STATE = `
  SELECT json_build_object(
    'seats', subscription.seats,
    'minutes', namespaces.extra_shared_runners_minutes_limit,
    'storage', limits.additional_purchased_storage_size,
    'add_on', purchase.quantity,
    'purchase', purchase.purchase_xid) AS state
  FROM namespaces
  LEFT JOIN gitlab_subscriptions AS subscription ON subscription.namespace_id = namespaces.id
  LEFT JOIN namespace_limits AS limits ON limits.namespace_id = namespaces.id
  LEFT JOIN subscription_add_on_purchases AS purchase ON purchase.namespace_id = namespaces.id
  WHERE namespaces.id = $1`;

const NOTHING = { seats: null, minutes: null, storage: null, add_on: null, purchase: null };

/** The reference model: every sync sets everything. */
function stateAfter(syncId: number) {
  const { base_product, storage, compute_minutes, add_on_purchases } = fullSync(syncId);
  const [purchase] = add_on_purchases.duo_pro;
  return {
    seats: base_product.seats,
    minutes: compute_minutes.extra_shared_runners_minutes_limit,
    storage: storage.additional_purchased_storage_size,
    add_on: purchase?.quantity,
    purchase: purchase?.purchase_xid,
  };
}
