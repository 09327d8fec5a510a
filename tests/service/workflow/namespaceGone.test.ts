import { describe, expect, test } from '@jest/globals';
import { ServiceClient } from '../../support/client';
import { sharedService, sharedTemporal } from '../../support/shared';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';

/** What somebody does to a namespace while its sync is under way, and what the sync is answered then, as at the door. */
const CHANGES = {
  deleted: {
    sql: 'DELETE FROM namespaces WHERE id = $1',
    answer: { status: 404, text: '{"message":"404 Namespace Not Found"}' },
  },
  'turned into a project': {
    sql: `UPDATE namespaces SET type = 'Project' WHERE id = $1`,
    answer: { status: 404, text: '{"message":"404 Namespace Not Found"}' },
  },
  'moved under a parent': {
    sql: 'UPDATE namespaces SET parent_id = 1000 WHERE id = $1',
    answer: { status: 400, text: '{"message":"400 Bad request - Must be root namespace"}' },
  },
};

/** Where the sync is held up meanwhile: the steps before have been applied, the step is tried again. */
const HELD_UP = {
  updateNamespaceLimits: 'namespace_limits',
  upsertAddOnPurchases: 'subscription_add_on_purchases',
} as const;

describe.each(['compensate', 'independent'] as const)('under %s', (policy) => {
  const client = sharedService(policy);
  const temporal = sharedTemporal(policy);

  /** What GitLab has of the namespace, without the namespace itself and what was there before the sync. */
  async function rowsOf(id: string): Promise<unknown> {
    const { namespaces, namespace_settings, ...rest } = await client.snapshot(id);
    void namespace_settings;
    const [namespace] = namespaces ?? [];
    return { ...rest, minutes: namespace?.['extra_shared_runners_minutes_limit'] ?? null };
  }
  const NOTHING = {
    gitlab_subscriptions: [],
    gitlab_subscription_histories: [],
    namespace_limits: [],
    ci_namespace_monthly_usages: [],
    subscription_add_on_purchases: [],
    minutes: null,
  };

  describe.each(Object.entries(CHANGES))('a namespace that was %s', (_change, { sql, answer }) => {
    test.each(Object.entries(HELD_UP))(
      'after the admission and before %s: one answer as at the door, and nothing of the sync is left',
      async (step, table) => {
        const id = await client.createNamespace();
        await client.fault(id, table, '40001');
        const sent = client.provision(id, fullSync(3), 1);
        await temporal.pendingActivity(id, step);
        await client.rows(sql, [id]);
        // Still held up: only the change ends it.
        const { status, text, headers } = await sent;
        expect({ status, text }).toEqual(answer);
        expect(headers.get('x-provision-run-id')).toEqual(expect.any(String));

        await temporal.ended(id);
        expect(await rowsOf(id)).toEqual(NOTHING);
        expect(await client.outbox(id)).toEqual([]);
        const ledger = await client.rows<{ step: string; result: unknown; undo: unknown }>(
          'SELECT step, result, undo_result AS undo FROM provisioning.ledger WHERE namespace_id = $1 ORDER BY id',
          [id],
        );
        expect(JSON.stringify(ledger)).not.toContain('changed since');
        expect(ledger.at(-1)).toMatchObject({ step: 'recordOutcome', result: { status: 'failed' } });
        expect((await temporal.handle(id).describe()).status.name).toBe('FAILED');
        expect((await client.provision(id, fullSync(3), 1)).status).toBe(answer.status);
      },
    );
  });

  test.each(Object.entries(CHANGES).filter(([change]) => change !== 'moved under a parent'))(
    'one that was %s while the step waited for the lock is seen by that step',
    async (_change, { sql, answer }) => {
      const id = await client.createNamespace();
      await client.fault(id, 'subscription_add_on_purchases', '40001');
      const sent = client.provision(id, fullSync(3), 1);
      await temporal.pendingActivity(id, 'upsertAddOnPurchases');
      const holder = await client.db.connect();
      await holder.query('BEGIN');
      await holder.query('SELECT FROM provisioning.fences WHERE namespace_id = $1 FOR UPDATE', [id]);
      await client.heal(id);
      const waiting = () =>
        client.rows(
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%fences%'`,
        );
      await eventually(async () => (await waiting()).length > 0, 'the step waits for its turn');
      await client.rows(sql, [id]);
      await holder.query('COMMIT');
      holder.release();
      const { status, text } = await sent;
      expect({ status, text }).toEqual(answer);
      expect(await rowsOf(id)).toEqual(NOTHING);
    },
  );

  test('a row that somebody else deleted, of a namespace that is there, still is reported', async () => {
    if (policy === 'independent') return;
    const id = await client.createNamespace();
    await client.fault(id, 'subscription_add_on_purchases', '40001');
    const sent = client.provision(id, fullSync(3), 1);
    await temporal.pendingActivity(id, 'upsertAddOnPurchases');
    await client.rows('DELETE FROM namespace_limits WHERE namespace_id = $1', [id]);
    await client.fault(id, 'subscription_add_on_purchases', '23514');
    expect((await sent).body.payload.storage).toEqual({
      status: 'error',
      message: 'Not rolled back: changed since by another writer',
    });
  });
});

test('a namespace cannot be deleted while a step of its sync is in its transaction', async () => {
  const client = ServiceClient.of('compensate');
  const id = await client.createNamespace();
  // The step waits for this row after it has looked at the namespace.
  const other = await client.db.connect();
  await client.provision(id, fullSync(1), 1);
  await other.query('BEGIN');
  await other.query('SELECT FROM gitlab_subscriptions WHERE namespace_id = $1 FOR UPDATE', [id]);
  const sent = client.provision(id, { base_product: { seats: 2 } }, 2);
  const holder = () =>
    client.rows(
      `SELECT 1 FROM pg_locks JOIN pg_class ON relation = pg_class.oid
       WHERE relname = 'gitlab_subscriptions' AND locktype = 'tuple' AND granted`,
    );
  await eventually(async () => (await holder()).length > 0, 'the step waits for the row');
  const deleter = await client.db.connect();
  await expect(deleter.query('SELECT FROM namespaces WHERE id = $1 FOR UPDATE NOWAIT', [id])).rejects.toThrow(
    'could not obtain lock',
  );
  deleter.release();
  await other.query('ROLLBACK');
  other.release();
  expect((await sent).status).toBe(200);
  await client.close();
});
