import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually';
import { installFaults } from '../support/faults';
import { fullSync } from '../support/syncs';
import { startOwnService, type OwnService } from './sections/support/ownService';

let service: OwnService;
beforeAll(async () => {
  service = await startOwnService('schema_change');
});
afterAll(() => service?.stop());

// Each connection keeps plans of statements on these tables, made before the change.
test.each([
  ['a new column', 'ALTER TABLE gitlab_subscription_histories ADD COLUMN added text'],
  [
    'a column of another type',
    'ALTER TABLE namespace_limits ALTER COLUMN additional_purchased_storage_size TYPE numeric',
  ],
])(
  'GitLab may give a table %s while the service runs: syncs are applied as before',
  async (_what, change) => {
    const { client } = service;
    const id = await client.createNamespace();
    // Statements are planned for good after some calls.
    for (let n = 1; n <= 8; n += 1)
      expect(await client.provision(id, fullSync(n), n)).toMatchObject({ status: 200 });
    await client.db.query(change);
    expect(await client.provision(id, fullSync(9), 9)).toMatchObject({ status: 200 });
    expect(await client.provision(id, fullSync(10), 10)).toMatchObject({ status: 200 });
  },
);

describe('GitLab removes what it has announced to remove, while the service runs (contract 7)', () => {
  // In GitLab's order: what the tables point with goes first.
  const REMOVALS = [
    'ALTER TABLE subscription_add_on_purchases DROP COLUMN subscription_add_on_id',
    'DROP TABLE subscription_add_ons',
    'ALTER TABLE gitlab_subscriptions DROP COLUMN hosted_plan_id',
    'ALTER TABLE gitlab_subscription_histories DROP COLUMN hosted_plan_id',
    'DROP TABLE plans',
  ];
  let own: OwnService;
  beforeAll(async () => {
    own = await startOwnService('schema_removals');
  });
  afterAll(() => own?.stop());

  test('no sync is refused, none fails for good, and what is stored is what was asked', async () => {
    const { client } = own;
    let isOver = false;
    const statuses: Record<number, number> = {};
    const caller = async () => {
      const id = await client.createNamespace();
      for (let n = 1; !isOver || n < 5; n += 1) {
        const answer = await eventually(async () => {
          const sent = await client.provision(id, fullSync(n), n);
          statuses[sent.status] = (statuses[sent.status] ?? 0) + 1;
          return sent.status === 503 ? null : sent;
        }, `an answer to sync ${n}`);
        expect(answer.body).toMatchObject({ status: 'success' });
        expect(await client.snapshot(id)).toMatchObject({
          gitlab_subscriptions: [{ seats: n, hosted_plan_name_uid: 7 }],
          gitlab_subscription_histories: { length: n - 1 },
          subscription_add_on_purchases: [{ quantity: n, subscription_add_on_uid: 1 }],
        });
      }
    };
    const callers = [1, 2, 3, 4].map(caller);
    for (const removal of REMOVALS) {
      await sleep(300);
      await client.db.query(removal);
    }
    await sleep(300);
    isOver = true;
    await Promise.all(callers);
    expect(Object.keys(statuses).filter((status) => !['200', '503'].includes(status))).toEqual([]);
    expect(statuses[200]).toBeGreaterThan(20);
  }, 60_000);
});

test('a run that wrote a column before it was removed is undone all the same', async () => {
  const own = await startOwnService('schema_undo');
  const { client } = own;
  try {
    const id = await client.createNamespace();
    await client.provision(id, fullSync(3), 1);
    await installFaults(client.service.databaseUrl);
    const hasGone = async () => {
      await client.db.query('ALTER TABLE gitlab_subscriptions DROP COLUMN hosted_plan_id');
      await client.db.query('ALTER TABLE gitlab_subscription_histories DROP COLUMN hosted_plan_id');
    };
    const sync = { ...fullSync(9), base_product: { ...fullSync(9).base_product, plan_code: 'premium' } };
    await client.fault(id, 'subscription_add_on_purchases', '40001');
    const answer = client.provision(id, sync, 2);
    await eventually(
      async () =>
        (await client.ledger(id)).filter(({ step }) => step === 'updateNamespaceLimits').length === 2,
      'the second run has come to its last step',
    );
    await hasGone();
    const before = await client.rows('SELECT * FROM gitlab_subscription_histories WHERE namespace_id = $1', [
      id,
    ]);
    expect(before).toHaveLength(1);
    await client.fault(id, 'subscription_add_on_purchases', '23514');
    expect((await answer).status).toBe(422);
    expect(await client.snapshot(id)).toMatchObject({
      gitlab_subscriptions: [{ seats: 3, hosted_plan_name_uid: 7 }],
      gitlab_subscription_histories: [],
      namespace_limits: [{ additional_purchased_storage_size: '3072' }],
    });
  } finally {
    await own.stop();
  }
});
