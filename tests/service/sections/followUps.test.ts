import { describe, expect, test } from '@jest/globals';
import { sharedService } from '../../support/shared';
import { day, events, seedPurchase, seedSubscription, told } from './support/fixtures';

const client = sharedService();
const independent = sharedService('independent');

const UNITS = { quantity: 5, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };
const ENDED = { start_date: '2025-01-01', end_date: '2026-01-01' };

/** @returns the events that consumers see after a sync of a new namespace */
async function eventsOf(provision: Record<string, unknown>, seed?: (id: string) => Promise<unknown>) {
  const id = await client.createNamespace();
  await seed?.(id);
  const answer = await client.provision(id, provision);
  expect(answer.status).toBe(200);
  return await events(client, id, answer);
}

const premium =
  (values: Record<string, unknown> = {}) =>
  (id: string) =>
    seedSubscription(client, id, 'premium', values);

type Row = [
  what: string,
  seed: ((id: string) => Promise<unknown>) | undefined,
  provision: Record<string, unknown>,
  expected: string[],
];

const ROWS: Row[] = [
  ['nothing is asked', undefined, {}, []],
  ['a free subscription is created', undefined, { base_product: { plan_code: 'free', seats: 5 } }, []],
  [
    'a paid one is created',
    undefined,
    { base_product: { plan_code: 'premium', seats: 5 } },
    ['index_namespace'],
  ],
  [
    'a trial is changed',
    premium(),
    { base_product: { trial: true, trial_starts_on: day(-1), trial_ends_on: day(9) } },
    ['index_namespace'],
  ],
  [
    'a paid one without seats is created',
    undefined,
    { base_product: { plan_code: 'ultimate' } },
    ['index_namespace'],
  ],
  [
    'overages are not allowed any more',
    premium(),
    { base_product: { contract_overages_allowed: false } },
    ['index_namespace', 'restricted_access_enabled'],
  ],
  ['a paid, expired one is changed', premium(ENDED), { base_product: { auto_renew: false } }, []],
  ['a paid one ends today', premium(), { base_product: { end_date: day() } }, ['index_namespace']],
  [
    'the seats change',
    premium(),
    { base_product: { seats: 11 } },
    ['reset_seat_callouts', 'index_namespace'],
  ],
  [
    'a new term begins',
    premium(ENDED),
    { base_product: { start_date: '2026-01-01', end_date: '2999-01-01' } },
    ['subscription_renewed', 'refresh_seats', 'index_namespace'],
  ],
  ['storage changes', undefined, { storage: { additional_purchased_storage_size: 5 } }, []],
  [
    'the monthly minutes change',
    undefined,
    { compute_minutes: { shared_runners_minutes_limit: 5 } },
    ['refresh_compute_minutes'],
  ],
  [
    'the extra minutes change',
    undefined,
    { compute_minutes: { extra_shared_runners_minutes_limit: 5 } },
    ['tick_instance_runners', 'refresh_compute_minutes'],
  ],
  [
    'the monthly minutes change beside extra minutes that stay',
    (id) => client.rows('UPDATE namespaces SET extra_shared_runners_minutes_limit = 0 WHERE id = $1', [id]),
    { compute_minutes: { shared_runners_minutes_limit: 400, extra_shared_runners_minutes_limit: 0 } },
    ['tick_instance_runners', 'refresh_compute_minutes'],
  ],
  [
    'the extra minutes are taken away',
    (id) => client.rows('UPDATE namespaces SET extra_shared_runners_minutes_limit = 5 WHERE id = $1', [id]),
    { compute_minutes: { extra_shared_runners_minutes_limit: '' } },
    ['refresh_compute_minutes'],
  ],
  [
    'several add-ons are bought',
    undefined,
    { add_on_purchases: { duo_pro: [UNITS], duo_core: [{ ...UNITS, new_subscription: true }] } },
    ['refresh_user_assignments', 'duo_core_enabled'],
  ],
  [
    'an add-on has nothing to do',
    undefined,
    { add_on_purchases: { duo_pro: [{ ...UNITS, quantity: 0 }] } },
    ['refresh_user_assignments'],
  ],
];

describe('consumers see, beside enable_code_review_flow, when', () => {
  test.each(ROWS)('%s: %#', async (_, seed, provision, expected) => {
    expect(await eventsOf(provision, seed)).toEqual([...expected, 'enable_code_review_flow']);
  });
});

test('an event tells its namespace, its run and what changed', async () => {
  const id = await client.createNamespace();
  await premium()(id);
  const answer = await client.provision(id, { base_product: { seats: 11 } });
  expect((await client.outbox(id))[0]).toEqual({
    id: expect.any(String),
    namespace_id: id,
    event: 'reset_seat_callouts',
    payload: { namespace_id: id, seats_before: 10, seats_after: 11 },
    workflow_id: answer.headers.get('x-provision-workflow-id'),
    run_id: answer.headers.get('x-provision-run-id'),
    created_at: expect.any(String),
    released_at: expect.any(String),
    ...{ attempts: 0, relayed_at: null, delivered_at: null },
  });
});

test('all events of a run are released at once, with the outcome', async () => {
  const id = await client.createNamespace();
  await client.provision(id, {
    base_product: { plan_code: 'premium', seats: 5 },
    compute_minutes: { extra_shared_runners_minutes_limit: 5 },
    add_on_purchases: { duo_pro: [UNITS] },
  });
  const rows = await client.rows(
    `SELECT event, released_at = (SELECT created_at FROM provisioning.ledger AS ledger
       WHERE ledger.run_id = outbox.run_id AND step = 'recordOutcome') AS with_outcome
     FROM provisioning.outbox WHERE namespace_id = $1 ORDER BY id`,
    [id],
  );
  expect(rows).toEqual(
    [
      'index_namespace',
      'tick_instance_runners',
      'refresh_compute_minutes',
      'refresh_user_assignments',
      'enable_code_review_flow',
    ].map((event) => ({ event, with_outcome: true })),
  );
});

// One refused section of four, and in the fourth one refused name of two.
const HALF_REFUSED = {
  base_product: { plan_code: 'premium', seats: 11 },
  storage: { additional_purchased_storage_size: null },
  compute_minutes: { extra_shared_runners_minutes_limit: 5 },
  add_on_purchases: { duo_pro: [UNITS], future_feature: [UNITS], duo_core: [{ ...UNITS, quantity: 'x' }] },
};
const STORAGE = "Namespace limit additional purchased storage size can't be blank";
const ADD_ONS = "'future_feature' is not a valid name Quantity is not a number.";

test('compensate: a 422 names every refused section, writes nothing and leaves no event', async () => {
  const id = await client.createNamespace();
  await premium()(id);
  const before = await client.snapshot(id);
  const answer = await client.provision(id, HALF_REFUSED);
  expect(answer.status).toBe(422);
  expect(answer.body.message).toBe(`${STORAGE}, ${ADD_ONS}`);
  expect(told(answer)).toEqual(['skipped', STORAGE, 'skipped', ADD_ONS]);
  expect(await client.snapshot(id)).toEqual(before);
  expect(await client.outbox(id)).toEqual([]);
  expect(await client.ledger(id)).toMatchObject([{ step: 'admitSync' }, { step: 'recordOutcome' }]);
});

test('independent: what is not refused is applied, valid names beside refused ones too, and its events are released', async () => {
  const id = await independent.createNamespace();
  await seedSubscription(independent, id, 'premium');
  const answer = await independent.provision(id, HALF_REFUSED);
  expect(answer.status).toBe(422);
  expect(answer.body.message).toBe(`${STORAGE}, ${ADD_ONS}`);
  expect(told(answer)).toEqual(['success', STORAGE, 'success', ADD_ONS]);
  expect(await independent.snapshot(id)).toMatchObject({
    gitlab_subscriptions: [{ seats: 11 }],
    namespace_limits: [],
    namespaces: [{ extra_shared_runners_minutes_limit: 5 }],
    subscription_add_on_purchases: [{ subscription_add_on_uid: 1, purchase_xid: 'A-1' }],
  });
  expect(await events(independent, id, answer)).toEqual([
    'reset_seat_callouts',
    'index_namespace',
    'tick_instance_runners',
    'refresh_compute_minutes',
    'refresh_user_assignments',
    'enable_code_review_flow',
  ]);
});

test('independent: a refused subscription does not touch seat_control, and every section may be refused', async () => {
  const id = await independent.createNamespace();
  const before = await independent.snapshot(id);
  const answer = await independent.provision(id, {
    base_product: { contract_overages_allowed: false, seats: -1 },
    storage: { additional_purchased_storage_size: -1 },
    compute_minutes: { shared_runners_minutes_limit: -1 },
    add_on_purchases: { duo_pro: 1 },
  });
  const messages = [
    'Gitlab subscription seats must be greater than or equal to 0',
    'Namespace limit additional purchased storage size must be greater than or equal to 0',
    'Validation failed: Shared runners minutes limit must be greater than or equal to 0',
    "'duo_pro' must be an array of objects",
  ];
  expect(told(answer)).toEqual(messages);
  expect(answer.body.message).toBe(messages.join(', '));
  expect(await independent.snapshot(id)).toEqual(before);
  expect(await events(independent, id, answer)).toEqual(['enable_code_review_flow']);
});

test('independent: a sync that is applied writes what compensate writes', async () => {
  const provision = {
    base_product: { plan_code: 'ultimate', seats: 11, contract_overages_allowed: false },
    storage: { additional_purchased_storage_size: 5 },
    compute_minutes: { extra_shared_runners_minutes_limit: 5 },
    add_on_purchases: { duo_enterprise: [UNITS] },
  };
  const [one, other] = await Promise.all(
    [client, independent].map(async (service) => {
      const id = await service.createNamespace({ path: 'same', name: 'same' });
      await seedSubscription(service, id, 'premium');
      await seedPurchase(service, id, 1);
      const answer = await service.provision(id, provision);
      return [answer.text, withoutKeys(await service.snapshot(id)), await events(service, id, answer)];
    }),
  );
  expect(one).toEqual(other);
});

/** Rows without what names them or tells when they were written. */
function withoutKeys(snapshot: Record<string, Record<string, unknown>[]>) {
  const isKept = ([column]: [string, unknown]) => !/(^|_)id$|_at$/.test(column);
  return Object.entries(snapshot).map(([table, rows]) => [
    table,
    rows.map((row) => Object.fromEntries(Object.entries(row).filter(isKept))),
  ]);
}
