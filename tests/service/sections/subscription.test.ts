import { expect, test } from '@jest/globals';
import { sharedService } from '../../support/shared';
import { day, events, only, planColumns, seedSubscription, stepTime } from './support/fixtures';

const client = sharedService();

const subscriptionOf = (id: string) => only(client, 'gitlab_subscriptions', id);
const historyOf = async (id: string) => (await client.snapshot(id))['gitlab_subscription_histories'];
const timeOf = (id: string) => stepTime(client, id, 'updateSubscription');

async function sync(id: string, base_product: Record<string, unknown>) {
  const answer = await client.provision(id, { base_product });
  expect(answer.text).toBe(
    '{"status":"success","message":null,"payload":{"base_product":{"status":"success"},"storage":null,"compute_minutes":null,"add_on_purchases":null}}',
  );
  return answer;
}

test('a missing subscription is created with 0 seats from today, and without a history row', async () => {
  const id = await client.createNamespace();
  const earliest = day();
  await sync(id, { plan_code: 'premium' });
  const now = await timeOf(id);
  const row = await subscriptionOf(id);
  expect(row).toEqual({
    id: expect.any(String),
    namespace_id: id,
    ...(await planColumns(client, 'premium')),
    start_date: expect.any(String),
    end_date: null,
    trial_starts_on: null,
    trial_ends_on: null,
    seats: 0,
    max_seats_used: 0,
    seats_in_use: 0,
    seats_owed: 0,
    trial: false,
    auto_renew: null,
    trial_extension_type: null,
    contract_overages_allowed: true,
    max_seats_used_changed_at: null,
    last_seat_refresh_at: null,
    created_at: now,
    updated_at: now,
  });
  expect([earliest, day()]).toContain(row?.['start_date']);
  expect(await historyOf(id)).toEqual([]);
});

test('a created subscription has every value as sent, max_seats_used too, and no plan when none was sent', async () => {
  const id = await client.createNamespace();
  const sent = {
    start_date: '2026-01-01',
    end_date: '2027-01-01',
    seats: 12,
    max_seats_used: 20,
    trial: true,
    trial_starts_on: '2026-01-02',
    trial_ends_on: '2026-02-02',
    auto_renew: true,
    contract_overages_allowed: true,
  };
  await sync(id, sent);
  expect(await subscriptionOf(id)).toMatchObject({
    ...sent,
    ...(await planColumns(client, null)),
    max_seats_used_changed_at: null,
    seats_in_use: 0,
    seats_owed: 0,
  });
});

test('an update keeps what was not sent and leaves the previous values in one history row', async () => {
  const id = await client.createNamespace();
  const before = await seedSubscription(client, id, 'premium', {
    trial_starts_on: '2025-12-01',
    trial_ends_on: '2025-12-31',
  });
  await sync(id, { plan_code: 'ultimate', seats: 12, auto_renew: false });
  const now = await timeOf(id);
  expect(await subscriptionOf(id)).toEqual({
    ...before,
    ...(await planColumns(client, 'ultimate')),
    seats: 12,
    auto_renew: false,
    updated_at: now,
  });
  expect(await historyOf(id)).toEqual([
    {
      id: expect.any(String),
      created_at: now,
      gitlab_subscription_id: before['id'],
      gitlab_subscription_created_at: before['created_at'],
      gitlab_subscription_updated_at: before['updated_at'],
      namespace_id: id,
      ...(await planColumns(client, 'premium')),
      start_date: '2026-01-01',
      end_date: '2999-01-01',
      trial_starts_on: '2025-12-01',
      trial_ends_on: '2025-12-31',
      seats: 10,
      max_seats_used: 9,
      seats_in_use: 8,
      trial: false,
      auto_renew: true,
      trial_extension_type: 1,
      contract_overages_allowed: true,
      change_type: 1,
    },
  ]);
});

test('null sets a column to NULL, an absent key leaves it', async () => {
  const id = await client.createNamespace();
  const before = await seedSubscription(client, id, 'premium');
  await sync(id, { end_date: null, auto_renew: null });
  expect(await subscriptionOf(id)).toEqual({
    ...before,
    end_date: null,
    auto_renew: null,
    updated_at: await timeOf(id),
  });
});

test('plan_code null is the plan free; without plan_code the plan stays', async () => {
  const id = await client.createNamespace();
  await seedSubscription(client, id, 'premium');
  await sync(id, { seats: 11 });
  expect(await subscriptionOf(id)).toMatchObject({ hosted_plan_name_uid: 5, seats: 11 });
  await sync(id, { plan_code: null });
  expect(await subscriptionOf(id)).toMatchObject(await planColumns(client, 'free'));
});

test('a changed max_seats_used is stamped; an unchanged one keeps its stamp', async () => {
  const id = await client.createNamespace();
  const before = await seedSubscription(client, id, 'premium');
  await sync(id, { max_seats_used: 9, seats: 11 });
  expect(await subscriptionOf(id)).toMatchObject({
    max_seats_used_changed_at: before['max_seats_used_changed_at'],
  });
  await sync(id, { max_seats_used: 10 });
  const now = await timeOf(id);
  expect(await subscriptionOf(id)).toEqual({
    ...before,
    seats: 11,
    max_seats_used: 10,
    max_seats_used_changed_at: now,
    updated_at: now,
  });
});

test('values that are stored already are not written again: no row, no time, no history, only the run is recorded', async () => {
  const id = await client.createNamespace();
  // Due for a seat reset, had anything changed: the statistics are older than the term.
  await seedSubscription(client, id, 'premium', { max_seats_used_changed_at: '2025-12-31 00:00:00+00' });
  const before = await client.snapshot(id);
  const answer = await sync(id, {
    plan_code: 'premium',
    seats: '10',
    max_seats_used: 9,
    start_date: '20260101',
    trial: false,
    auto_renew: 'yes',
    contract_overages_allowed: true,
  });
  expect(await client.snapshot(id)).toEqual(before);
  expect(await events(client, id, answer)).toEqual(['enable_code_review_flow']);
  expect(await client.ledger(id)).toMatchObject([
    { step: 'admitSync' },
    { step: 'updateSubscription', before: [], after: [], outbox_ids: '{}' },
    { step: 'recordOutcome' },
  ]);
});

test('a sync that is sent twice leaves what it left the first time, and one history row', async () => {
  const id = await client.createNamespace();
  await seedSubscription(client, id, 'premium', { seats: 3 });
  const attrs = { plan_code: 'ultimate', seats: 20, start_date: '2999-01-01', end_date: '2999-12-31' };
  await sync(id, attrs);
  const before = await client.snapshot(id);
  expect(before['gitlab_subscription_histories']).toHaveLength(1);
  await sync(id, attrs);
  expect(await client.snapshot(id)).toEqual(before);
});

test('contract_overages_allowed sent as false blocks overages in the settings; not sent or true leaves them', async () => {
  const settingOf = async (id: string) => (await only(client, 'namespace_settings', id))?.['seat_control'];
  const [sentFalse, sentTrue, notSent, withoutSettings] = await Promise.all([
    client.createNamespace(),
    client.createNamespace({ settings: { seat_control: 1 } }),
    client.createNamespace(),
    client.createNamespace({ settings: null }),
  ]);
  await Promise.all([
    sync(sentFalse, { contract_overages_allowed: false }),
    sync(sentTrue, { contract_overages_allowed: true }),
    sync(notSent, { seats: 1 }),
    sync(withoutSettings, { contract_overages_allowed: false }),
  ]);
  expect(await settingOf(sentFalse)).toBe(2);
  expect(await settingOf(sentTrue)).toBe(1);
  expect(await settingOf(notSent)).toBe(0);
  expect(await only(client, 'namespace_settings', withoutSettings)).toBeUndefined();
});
