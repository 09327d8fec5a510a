import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ServiceClient } from '../../support/client';
import { Faults } from './support/faults';
import { events, seedSubscription, told } from './support/fixtures';
import { startOwnService, type OwnService } from './support/ownService';

let own: OwnService;
let client: ServiceClient;
let faults: Faults;
beforeAll(async () => {
  own = await startOwnService('sections_independent', 'independent');
  client = own.client;
  faults = await Faults.install(client);
});
afterAll(() => own.stop());

const UNITS = { quantity: 7, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };
const FULL = {
  base_product: { plan_code: 'ultimate', seats: 12, contract_overages_allowed: false },
  storage: { additional_purchased_storage_size: 1024 },
  compute_minutes: { shared_runners_minutes_limit: 500, extra_shared_runners_minutes_limit: 50 },
  add_on_purchases: { duo_enterprise: [UNITS] },
};
const OK = 'success';
const failed = (label: string, table: string) => `${label} could not be saved (raise_exception, ${table})`;

/** Each section: the table that refuses it, the answer's entries, its own events. */
type Row = [table: string, expected: string[], events: string[]];
const ROWS: Row[] = [
  [
    'gitlab_subscription_histories',
    [failed('Gitlab subscription', 'gitlab_subscription_histories'), OK, OK, OK],
    ['reset_seat_callouts', 'index_namespace', 'restricted_access_enabled'],
  ],
  [
    'namespace_settings', // of contract_overages_allowed, after the subscription and its history
    [failed('Gitlab subscription', 'namespace_settings'), OK, OK, OK],
    ['reset_seat_callouts', 'index_namespace', 'restricted_access_enabled'],
  ],
  ['namespace_limits', [OK, failed('Namespace limit', 'namespace_limits'), OK, OK], []],
  [
    'namespaces',
    [OK, OK, failed('Compute minutes', 'namespaces'), OK],
    ['tick_instance_runners', 'refresh_compute_minutes'],
  ],
  [
    'subscription_add_on_purchases',
    [OK, OK, OK, failed('Add-on purchases', 'subscription_add_on_purchases')],
    ['refresh_user_assignments'],
  ],
];
const ALL_EVENTS = [
  'reset_seat_callouts',
  'index_namespace',
  'restricted_access_enabled',
  'tick_instance_runners',
  'refresh_compute_minutes',
  'refresh_user_assignments',
  'enable_code_review_flow',
];

test.each(ROWS)(
  'independent: what %s refuses is taken back alone; the other sections stand and their events are released',
  async (table, expected, ownEvents) => {
    const id = await client.createNamespace();
    await seedSubscription(client, id, 'premium');
    const before = await client.snapshot(id);
    await faults.set(id, table, 'P0001');
    const answer = await client.provision(id, FULL);
    expect(told(answer)).toEqual(expected);
    expect([answer.status, answer.body.message]).toEqual([422, expected.find((entry) => entry !== OK)]);

    const after = await client.snapshot(id);
    const applied = {
      gitlab_subscriptions: expected[0] === OK,
      gitlab_subscription_histories: expected[0] === OK,
      namespace_settings: expected[0] === OK,
      namespace_limits: expected[1] === OK,
      namespaces: expected[2] === OK,
      ci_namespace_monthly_usages: false,
      subscription_add_on_purchases: expected[3] === OK,
    };
    const isChanged = Object.keys(after).map((name) => [
      name,
      JSON.stringify(after[name]) !== JSON.stringify(before[name]),
    ]);
    expect(Object.fromEntries(isChanged)).toEqual(applied);
    expect(await events(client, id, answer)).toEqual(
      ALL_EVENTS.filter((event) => !ownEvents.includes(event)),
    );
  },
);

test('independent: what is refused at commit takes its step with it, not the others', async () => {
  const id = await client.createNamespace();
  await faults.set(id, 'namespace_limits at commit', '23514');
  const answer = await client.provision(id, FULL);
  expect(told(answer)).toEqual([
    OK,
    'Namespace limit could not be saved (check_violation)',
    'Compute minutes could not be saved (check_violation)',
    OK,
  ]);
  expect(await client.snapshot(id)).toMatchObject({
    gitlab_subscriptions: [{ seats: 12 }],
    namespace_limits: [],
    namespaces: [{ shared_runners_minutes_limit: null }],
    subscription_add_on_purchases: [{ quantity: 7 }],
  });
});

test('independent: a unique violation that is gone at the second try is not seen by the caller', async () => {
  const id = await client.createNamespace();
  await faults.set(id, 'subscription_add_on_purchases', '23505', 1);
  expect(told(await client.provision(id, FULL))).toEqual([OK, OK, OK, OK]);
});

test('independent: a transient failure of one section is retried, never told as a refusal', async () => {
  const id = await client.createNamespace();
  await faults.set(id, 'namespaces', '40001', 3);
  expect(told(await client.provision(id, FULL))).toEqual([OK, OK, OK, OK]);
});
