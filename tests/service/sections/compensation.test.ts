import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Faults } from './support/faults';
import { everything, only, seedPurchase, seedSubscription, told, until } from './support/fixtures';
import { startOwnService, type OwnService } from './support/ownService';
import type { ServiceClient } from '../../support/client';

let own: OwnService;
let client: ServiceClient;
let faults: Faults;
beforeAll(async () => {
  own = await startOwnService('sections_compensation');
  client = own.client;
  faults = await Faults.install(client);
});
afterAll(() => own.stop());

const UNITS = { quantity: 7, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };

/** Touches every table that a sync can touch. */
const FULL = {
  base_product: { plan_code: 'ultimate', seats: 12, contract_overages_allowed: false },
  storage: { additional_purchased_storage_size: 1024 },
  compute_minutes: { shared_runners_minutes_limit: 500, extra_shared_runners_minutes_limit: 50 },
  add_on_purchases: { duo_enterprise: [UNITS], duo_core: [{ ...UNITS, new_subscription: true }] },
};

/** A namespace with a row in every table that a sync can touch. */
async function provisionedNamespace(): Promise<string> {
  const id = await client.createNamespace({
    shared_runners_minutes_limit: 100,
    extra_shared_runners_minutes_limit: 10,
  });
  await seedSubscription(client, id, 'premium');
  await seedPurchase(client, id, 1);
  await client.insert('namespace_limits', {
    namespace_id: id,
    additional_purchased_storage_ends_on: '2026-06-01',
  });
  await client.db.query(
    `UPDATE namespaces SET last_ci_minutes_notification_at = '2026-02-13 10:20:30.123456+00',
       last_ci_minutes_usage_notification_level = 5, updated_at = '2026-01-01 01:02:03.000001' WHERE id = $1`,
    [id],
  );
  await client.db.query(
    `INSERT INTO ci_namespace_monthly_usages (namespace_id, date, notification_level)
     VALUES ($1, date_trunc('month', current_date), 30)`,
    [id],
  );
  return id;
}

const RAISED = 'raise_exception';
const failed = (label: string, condition: string, table?: string) =>
  `${label} could not be saved (${table === undefined ? condition : `${condition}, ${table}`})`;

type Row = [place: string, sqlState: string, expected: (string | null)[]];

const DONE = 'rolled_back';
const LEFT = 'skipped';
const ROWS: Row[] = [
  [
    'gitlab_subscriptions',
    'P0001',
    [failed('Gitlab subscription', RAISED, 'gitlab_subscriptions'), LEFT, LEFT, LEFT],
  ],
  [
    'namespace_settings',
    '23514',
    [failed('Gitlab subscription', 'check_violation', 'namespace_settings'), LEFT, LEFT, LEFT],
  ],
  ['namespace_limits', 'P0001', [DONE, failed('Namespace limit', RAISED, 'namespace_limits'), LEFT, LEFT]],
  [
    'namespaces',
    '22003',
    [DONE, DONE, failed('Compute minutes', 'numeric_value_out_of_range', 'namespaces'), LEFT],
  ],
  [
    'subscription_add_on_purchases',
    'P0001',
    [DONE, DONE, DONE, failed('Add-on purchases', RAISED, 'subscription_add_on_purchases')],
  ],
  [
    'subscription_add_on_purchases',
    '23505', // twice: a lost race would have found the row at the second time
    [DONE, DONE, DONE, failed('Add-on purchases', 'unique_violation', 'subscription_add_on_purchases')],
  ],
  [
    'subscription_add_on_purchases at commit',
    'P0001',
    [DONE, DONE, DONE, failed('Add-on purchases', RAISED)],
  ],
];

describe.each([
  ['rows from before get their exact values back', provisionedNamespace],
  ['rows that did not exist are gone again', () => client.createNamespace()],
])('compensate, a permanent failure: %s', (_, namespace) => {
  test.each(ROWS)('%s refuses with %s', async (place, sqlState, expected) => {
    const id = await namespace();
    const before = await everything(client, id);
    await faults.set(id, place, sqlState);
    const answer = await client.provision(id, FULL);
    expect(told(answer)).toEqual(expected);
    expect([answer.status, answer.body.status]).toEqual([422, 'error']);
    expect(answer.body.message).toBe(expected.find((entry) => entry !== DONE && entry !== LEFT));
    expect(await everything(client, id)).toEqual(before);
  });
});

test('what is refused for good is not tried again', async () => {
  const id = await provisionedNamespace();
  await faults.set(id, 'subscription_add_on_purchases', 'P0001', 1);
  expect((await client.provision(id, FULL)).status).toBe(422);
  expect(await faults.hits(id)).toBe(1);
});

test('a sync that is undone can be sent again and is then applied', async () => {
  const id = await provisionedNamespace();
  await faults.set(id, 'subscription_add_on_purchases', 'P0001');
  expect((await client.provision(id, FULL, 7)).status).toBe(422);
  await faults.clear(id);
  expect((await client.provision(id, FULL, 7)).status).toBe(200);
  expect(await everything(client, id)).toMatchObject({
    gitlab_subscriptions: [{ seats: 12, hosted_plan_name_uid: 7 }],
    gitlab_subscription_histories: [{ seats: 10 }],
    namespace_settings: [{ seat_control: 2, duo_nano_features_enabled: true }],
    namespace_limits: [{ additional_purchased_storage_size: '1024' }],
    subscription_add_on_purchases: [{ subscription_add_on_uid: 3 }, { subscription_add_on_uid: 5 }],
  });
});

test('a real CHECK of the table refuses the section by its own name', async () => {
  const id = await provisionedNamespace();
  const before = await everything(client, id);
  await client.db.query(
    `ALTER TABLE subscription_add_on_purchases ADD CONSTRAINT only_one CHECK (namespace_id <> ${id}) NOT VALID`,
  );
  const answer = await client
    .provision(id, FULL)
    .finally(() => client.db.query('ALTER TABLE subscription_add_on_purchases DROP CONSTRAINT only_one'));
  expect(told(answer)[3]).toBe(
    'Add-on purchases could not be saved (check_violation, subscription_add_on_purchases)',
  );
  expect(await everything(client, id)).toEqual(before);
});

test('the ledger keeps each step with its rows before and after, its undoing, and the outcome', async () => {
  const id = await provisionedNamespace();
  const subscription = await only(client, 'gitlab_subscriptions', id);
  await faults.set(id, 'subscription_add_on_purchases', 'P0001');
  const answer = await client.provision(id, FULL, 7, { 'x-request-id': 'request-7' });
  const undone = { undone_at: expect.any(String) };
  const run = {
    run_id: answer.headers.get('x-provision-run-id'),
    workflow_id: `provision:${id}`,
    sync_id: '7',
    correlation_id: 'request-7',
  };
  const ledger = await client.ledger(id);
  expect(ledger).toMatchObject([
    { ...run, step: 'admitSync', undone_at: null },
    {
      ...run,
      ...undone,
      step: 'updateSubscription',
      undo_result: { entries: { base_product: { status: DONE } } },
    },
    { ...run, ...undone, step: 'updateNamespaceLimits' },
    { ...run, ...undone, step: 'upsertAddOnPurchases', before: [], after: [] },
    { ...run, step: 'recordOutcome', undone_at: null, result: answer.body },
  ]);
  const { before, after } = ledger[1] as unknown as Record<'before' | 'after', { table: string }[]>;
  const key = subscription?.['id'];
  expect(before[0]).toMatchObject({
    section: 'base_product',
    table: 'gitlab_subscriptions',
    key,
    values: { seats: 10, hosted_plan_name_uid: 5, updated_at: subscription?.['updated_at'] },
  });
  expect(after[0]).toMatchObject({
    table: 'gitlab_subscriptions',
    key,
    values: { seats: 12, hosted_plan_name_uid: 7 },
  });
  expect(before[1]).toMatchObject({ table: 'gitlab_subscription_histories', values: null });
  expect(before.map(({ table }) => table)).toEqual(after.map(({ table }) => table));
  expect(before).toHaveLength(3);
});

describe('a transient failure', () => {
  test('is retried until it is over, and each step takes effect once', async () => {
    const id = await provisionedNamespace();
    await faults.set(id, 'subscription_add_on_purchases', '40001', 3);
    const answer = await client.provision(id, FULL);
    expect(answer.status).toBe(200);
    expect(await faults.hits(id)).toBeGreaterThan(3);
    expect((await client.ledger(id)).map(({ step }) => step)).toEqual([
      'admitSync',
      'updateSubscription',
      'updateNamespaceLimits',
      'upsertAddOnPurchases',
      'recordOutcome',
    ]);
    expect((await client.snapshot(id))['gitlab_subscription_histories']).toHaveLength(1);
  });

  test('at commit is retried, too', async () => {
    const id = await client.createNamespace();
    await faults.set(id, 'namespace_limits at commit', '40P01', 1);
    const answer = await client.provision(id, { storage: FULL.storage });
    expect(answer.status).toBe(200);
    expect(await faults.hits(id)).toBe(2);
  });
});

describe('an error that nobody foresaw is a 500 after a few tries, and everything is undone', () => {
  test.each([
    ['in the last step', 'subscription_add_on_purchases'],
    ['when the outcome is recorded', 'ledger recordOutcome'],
  ])('%s', async (_, place) => {
    const id = await provisionedNamespace();
    const before = await everything(client, id);
    await faults.set(id, place, 'XX000');
    const answer = await client.provision(id, FULL);
    expect(answer.text).toBe('{"message":"500 Internal Server Error"}');
    expect(answer.status).toBe(500);
    expect(await everything(client, id)).toEqual(before);
  });
});

/** Lets the third step wait, does something else meanwhile, then lets the step fail for good. */
async function meanwhile(id: string, work: () => Promise<unknown>) {
  await faults.set(id, 'subscription_add_on_purchases', '40001');
  const answer = client.provision(id, FULL);
  await until(async () => (await faults.hits(id)) > 0);
  await work();
  await faults.set(id, 'subscription_add_on_purchases', 'P0001');
  return await answer;
}

const ADD_ONS = failed('Add-on purchases', RAISED, 'subscription_add_on_purchases');

describe('another writer changed a row meanwhile', () => {
  const CHANGED_SINCE = 'Not rolled back: changed since by another writer';

  test('its value stays and the section says so; all other rows are restored', async () => {
    const id = await provisionedNamespace();
    const before = await everything(client, id);
    const answer = await meanwhile(id, () =>
      client.db.query(`UPDATE gitlab_subscriptions SET seats = 77 WHERE namespace_id = $1`, [id]),
    );
    expect(told(answer)).toEqual([CHANGED_SINCE, DONE, DONE, ADD_ONS]);
    expect(answer.body.message).toBe(`${CHANGED_SINCE}, ${ADD_ONS}`);
    const after = await everything(client, id);
    expect(after['gitlab_subscriptions']).toMatchObject([{ seats: 77, hosted_plan_name_uid: 7 }]);
    expect({ ...after, gitlab_subscriptions: [] }).toEqual({ ...before, gitlab_subscriptions: [] });
  });

  test('a row that the sync had created stays once another writer has changed it', async () => {
    const id = await client.createNamespace();
    const answer = await meanwhile(id, () =>
      client.db.query(
        `UPDATE namespace_limits SET additional_purchased_storage_ends_on = '2030-01-01' WHERE namespace_id = $1`,
        [id],
      ),
    );
    expect(told(answer)).toEqual([DONE, CHANGED_SINCE, DONE, ADD_ONS]);
    expect(await client.snapshot(id)).toMatchObject({
      gitlab_subscriptions: [],
      namespace_limits: [
        { additional_purchased_storage_size: '1024', additional_purchased_storage_ends_on: '2030-01-01' },
      ],
      namespaces: [{ shared_runners_minutes_limit: null, extra_shared_runners_minutes_limit: null }],
    });
  });

  test('a row that another writer has deleted is not made again', async () => {
    const id = await provisionedNamespace();
    const answer = await meanwhile(id, () =>
      client.db.query('DELETE FROM gitlab_subscriptions WHERE namespace_id = $1', [id]),
    );
    expect(told(answer)).toEqual([CHANGED_SINCE, DONE, DONE, ADD_ONS]);
    expect(await client.snapshot(id)).toMatchObject({
      gitlab_subscriptions: [],
      gitlab_subscription_histories: [],
    });
  });

  test('a change of a column that the sync did not write survives the undoing', async () => {
    const id = await provisionedNamespace();
    const answer = await meanwhile(id, () =>
      client.db.query(`UPDATE gitlab_subscriptions SET seats_in_use = 9 WHERE namespace_id = $1`, [id]),
    );
    expect(told(answer)).toEqual([DONE, DONE, DONE, ADD_ONS]);
    expect(await only(client, 'gitlab_subscriptions', id)).toMatchObject({ seats_in_use: 9, seats: 10 });
  });
});

const MORE_THAN_A_BUG_IS_TRIED = 3;

describe('the database refuses to put a row back', () => {
  test('that section says so; all other rows are restored', async () => {
    const id = await provisionedNamespace();
    const before = await everything(client, id);
    const answer = await meanwhile(id, () => faults.set(id, 'gitlab_subscriptions', 'P0001'));
    const kept = 'Not rolled back: refused by the database (raise_exception, gitlab_subscriptions)';
    expect(told(answer)).toEqual([kept, DONE, DONE, ADD_ONS]);
    expect(answer.status).toBe(422);
    const after = await everything(client, id);
    expect(after['gitlab_subscriptions']).toMatchObject([{ seats: 12 }]);
    expect({ ...after, gitlab_subscriptions: [] }).toEqual({ ...before, gitlab_subscriptions: [] });
  });

  test('for a reason that nobody foresaw: it is tried until it can be done, and then everything is as before', async () => {
    const id = await provisionedNamespace();
    const before = await everything(client, id);
    const answer = await meanwhile(id, async () =>
      faults.set(id, 'namespace_limits', 'XX000', (await faults.hits(id)) + MORE_THAN_A_BUG_IS_TRIED),
    );
    expect(answer.status).toBe(422);
    expect(told(answer)).toEqual([DONE, DONE, DONE, ADD_ONS]);
    expect(await everything(client, id)).toEqual(before);
  });
});

describe('a lost race with another writer', () => {
  test('the same row inserted by another transaction first: the step is run again and updates it', async () => {
    const id = await client.createNamespace();
    const other = await client.db.connect();
    try {
      await other.query('BEGIN');
      const { rows } = await other.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await other.query(
        `INSERT INTO gitlab_subscriptions (namespace_id, start_date, seats, created_at, updated_at)
         VALUES ($1, '2026-01-01', 3, now(), now())`,
        [id],
      );
      const answer = client.provision(id, FULL);
      await until(async () => {
        const [waiting] = await client.rows(
          'SELECT 1 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))',
          [rows[0]?.pid],
        );
        return waiting;
      });
      await other.query('COMMIT');
      expect(told(await answer)).toEqual(['success', 'success', 'success', 'success']);
    } finally {
      await other.query('ROLLBACK');
      other.release();
    }
    expect(await client.snapshot(id)).toMatchObject({
      gitlab_subscriptions: [{ seats: 12, start_date: '2026-01-01', hosted_plan_name_uid: 7 }],
      gitlab_subscription_histories: [{ seats: 3, hosted_plan_name_uid: null }],
    });
  });

  test('a unique violation that is gone at the second try is not seen by the caller', async () => {
    const id = await provisionedNamespace();
    await faults.set(id, 'subscription_add_on_purchases', '23505', 1);
    expect((await client.provision(id, FULL)).status).toBe(200);
  });
});
