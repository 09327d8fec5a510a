import { describe, expect, test } from '@jest/globals';
import { sharedService } from '../../support/shared';
import { only, planColumns, seedSubscription, stepTime } from './support/fixtures';

const client = sharedService();

type Values = Record<string, unknown>;
const STATISTICS = [
  'seats_in_use',
  'max_seats_used',
  'seats_owed',
  'max_seats_used_changed_at',
  'last_seat_refresh_at',
];

/** Syncs a namespace that has a subscription. @returns its seat statistics; `now` stands for the step's time */
async function statisticsAfter(
  plan: string | null,
  stored: Values,
  sent: Values,
  premium?: [string, string],
) {
  const id = await client.createNamespace();
  const row = await seedSubscription(client, id, plan, stored);
  if (premium) {
    const [start_date, end_date] = premium;
    const owner = { gitlab_subscription_id: row['id'], namespace_id: id, start_date, end_date };
    await client.insert('gitlab_subscription_histories', {
      ...owner,
      ...(await planColumns(client, 'premium')),
    });
  }
  const answer = await client.provision(id, { base_product: sent });
  expect(answer.body).toMatchObject({ status: 'success' });
  const now = await stepTime(client, id, 'updateSubscription');
  const after = await only(client, 'gitlab_subscriptions', id);
  return Object.fromEntries(
    STATISTICS.map((column) => [column, after?.[column] === now ? 'now' : after?.[column]]),
  );
}

const SEEDED = {
  seats_in_use: 8,
  max_seats_used: 9,
  seats_owed: 1,
  max_seats_used_changed_at: '2026-01-05 10:20:30.123456+00',
  last_seat_refresh_at: '2026-01-06 10:20:30.654321+00',
};
/** 8 billable members become the new maximum; GitLab is to count them again. */
const RESET = {
  seats_in_use: 8,
  max_seats_used: 8,
  seats_owed: 0,
  max_seats_used_changed_at: 'now',
  last_seat_refresh_at: null,
};
const ENDED = { start_date: '2025-01-01', end_date: '2026-01-01' };
const NEXT_TERM = { start_date: '2026-01-01', end_date: '2027-01-01' };

describe('seat statistics start over', () => {
  test('when a paid subscription gets a new term, over the max_seats_used that was sent', async () => {
    expect(await statisticsAfter('premium', ENDED, { ...NEXT_TERM, max_seats_used: 50 })).toEqual(RESET);
  });

  test('and owe the members that the new seats do not cover', async () => {
    expect(await statisticsAfter('premium', ENDED, { ...NEXT_TERM, seats: 5 })).toEqual({
      ...RESET,
      seats_owed: 3,
    });
  });

  test('when an open-ended paid subscription gets both dates', async () => {
    const open = { start_date: '2025-06-01', end_date: null };
    const stored = { ...open, max_seats_used_changed_at: '2026-03-05 10:20:30.123456+00' };
    expect(await statisticsAfter('ultimate', stored, NEXT_TERM)).toEqual(RESET);
  });

  test('when a trial becomes a paid subscription', async () => {
    const trial = { trial: true, trial_starts_on: '2026-01-01', trial_ends_on: '2026-02-01' };
    expect(await statisticsAfter('premium', trial, { trial: false })).toEqual(RESET);
  });

  test('when trial is sent as null to a subscription that was none', async () => {
    const stored = { seats: 5, max_seats_used: 12, seats_in_use: 0 };
    expect(await statisticsAfter('bronze', stored, { trial: null })).toMatchObject({ max_seats_used: 0 });
  });

  test('when a paid customer who tried Ultimate goes to Free, which owes nothing', async () => {
    const stored = { seats: 5, seats_in_use: 7, seats_owed: 2 };
    const sent = { plan_code: 'free' };
    expect(await statisticsAfter('ultimate_trial_paid_customer', stored, sent)).toMatchObject({
      max_seats_used: 7,
      seats_owed: 0,
    });
  });

  test('when the last maximum is older than the start date', async () => {
    expect(await statisticsAfter('premium', {}, { start_date: '2026-01-06' })).toEqual(RESET);
  });

  test('when a paid customer who tried Ultimate buys it', async () => {
    expect(await statisticsAfter('ultimate_trial_paid_customer', {}, { plan_code: 'ultimate' })).toEqual(
      RESET,
    );
  });

  test('when a paid customer who tried Ultimate goes to Premium with other dates than before', async () => {
    const sent = { plan_code: 'premium', start_date: '2026-01-02' };
    const answer = await statisticsAfter('ultimate_trial_paid_customer', {}, sent, [
      '2026-01-01',
      '2999-01-01',
    ]);
    expect(answer).toEqual(RESET);
  });
});

describe('seat statistics are kept', () => {
  test('when a paid customer who tried Ultimate returns to Premium as it was', async () => {
    const stored = { start_date: '2026-02-01' };
    const sent = { plan_code: 'premium', start_date: '2026-01-01', end_date: '2999-01-01' };
    const answer = await statisticsAfter('ultimate_trial_paid_customer', stored, sent, [
      '2026-01-01',
      '2999-01-01',
    ]);
    expect(answer).toEqual(SEEDED);
  });

  test('when a paid customer begins to try Ultimate, with new dates too', async () => {
    const sent = { plan_code: 'ultimate_trial_paid_customer', ...NEXT_TERM };
    expect(await statisticsAfter('premium', ENDED, sent)).toEqual(SEEDED);
  });

  test('when the new dates overlap the old term', async () => {
    const sent = { start_date: '2026-01-02', end_date: '2028-01-01' };
    expect(await statisticsAfter('premium', {}, sent)).toEqual(SEEDED);
  });

  test('when the subscription is not paid: free, without a plan, without seats, or a trial', async () => {
    const trial = { trial: true, trial_starts_on: '2026-01-01', trial_ends_on: '2026-02-01' };
    const kept = await Promise.all([
      statisticsAfter('free', ENDED, NEXT_TERM),
      statisticsAfter(null, ENDED, NEXT_TERM),
      statisticsAfter('premium', ENDED, { ...NEXT_TERM, seats: 0 }),
      statisticsAfter('premium', ENDED, { ...NEXT_TERM, ...trial }),
    ]);
    expect(kept).toEqual([SEEDED, SEEDED, SEEDED, SEEDED]);
  });

  test('but for the maximum that was sent with a new term, which is stored without a stamp of its own', async () => {
    expect(await statisticsAfter('free', ENDED, { ...NEXT_TERM, max_seats_used: 50 })).toEqual({
      ...SEEDED,
      max_seats_used: 50,
    });
  });
});
