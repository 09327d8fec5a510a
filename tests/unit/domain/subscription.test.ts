import { describe, expect, test } from '@jest/globals';
import type { BaseProduct } from '../../../src/domain/provision';
import { askedPlanUid, planSubscription } from '../../../src/domain/subscription';
import type { SubscriptionState } from '../../../src/domain/subscriptionRules';
import { clock, events, planColumns, premiumRow, settings, stateOf, valuesFor } from './subscriptionFixtures';

const NOTHING = { messages: [], writes: [], followUps: [] };

function updated(attrs: BaseProduct, row = premiumRow(), values: Partial<SubscriptionState> = {}) {
  const plan = planSubscription(attrs, stateOf(row, values), clock);
  expect(plan.messages).toEqual([]);
  return valuesFor(plan, 'gitlab_subscriptions');
}

describe('create', () => {
  test('seats default to 0 and the start to today; the plan stays NULL; no history', () => {
    const plan = planSubscription({ auto_renew: true }, stateOf(null), clock);
    expect(plan.writes).toEqual([
      {
        table: 'gitlab_subscriptions',
        key: null,
        values: { namespace_id: '9', seats: 0, start_date: '2026-06-15', auto_renew: true },
      },
    ]);
    expect(plan.followUps).toEqual([]);
  });

  test('everything sent is stored, max_seats_used as sent', () => {
    const attrs = { plan_code: 'premium', seats: 5, max_seats_used: 7, start_date: '2026-02-01' };
    const plan = planSubscription(attrs, stateOf(null, { askedPlanId: '500' }), clock);
    expect(valuesFor(plan, 'gitlab_subscriptions')).toEqual({
      namespace_id: '9',
      hosted_plan_id: '500',
      hosted_plan_name_uid: 5,
      seats: 5,
      max_seats_used: 7,
      start_date: '2026-02-01',
    });
    expect(events(plan)).toEqual(['index_namespace']);
  });

  test('plan_code null asks for the plan free, and no plan_code for none', () => {
    expect(askedPlanUid({ plan_code: null })).toBe(2);
    expect(askedPlanUid({ plan_code: '' })).toBeNull();
    expect(askedPlanUid({ seats: 1 })).toBeUndefined();
  });

  test('overages not allowed blocks them on create, too (rule 5)', () => {
    const plan = planSubscription(
      { contract_overages_allowed: false },
      stateOf(null, { settings: settings() }),
      clock,
    );
    expect(valuesFor(plan, 'namespace_settings')).toMatchObject({ seat_control: 2 });
  });
});

describe('update', () => {
  test('writes only what differs, and the previous values into the history (rule 2)', () => {
    const plan = planSubscription({ seats: 12, auto_renew: true }, stateOf(premiumRow()), clock);
    expect(plan.writes).toEqual([
      { table: 'gitlab_subscriptions', key: { id: '71' }, values: { seats: 12 } },
      {
        table: 'gitlab_subscription_histories',
        key: null,
        values: {
          created_at: clock.now,
          gitlab_subscription_id: '71',
          gitlab_subscription_created_at: '2026-01-01 08:00:00+00',
          gitlab_subscription_updated_at: '2026-03-01 00:00:00+00',
          namespace_id: '9',
          hosted_plan_id: '500',
          hosted_plan_name_uid: 5,
          start_date: '2026-01-01',
          end_date: '2027-01-01',
          trial_starts_on: null,
          trial_ends_on: null,
          seats: 10,
          max_seats_used: 9,
          seats_in_use: 8,
          trial: false,
          auto_renew: true,
          trial_extension_type: 1,
          contract_overages_allowed: true,
          change_type: 1,
        },
      },
    ]);
  });

  test('values that are all stored write nothing, even when seat statistics are stale', () => {
    const row = premiumRow({ max_seats_used_changed_at: '2025-01-01 00:00:00+00' });
    const attrs = { plan_code: 'premium', seats: 10, max_seats_used: 9, start_date: '2026-01-01' };
    expect(planSubscription(attrs, stateOf(row, { askedPlanId: '500' }), clock)).toEqual(NOTHING);
  });

  test('a stored row that is invalid is judged only when it changes (rule 4)', () => {
    const invalid = premiumRow({ seats: null, trial: true, trial_ends_on: null });
    const plan = (attrs: BaseProduct) => planSubscription(attrs, stateOf(invalid), clock);
    expect(plan({ plan_code: 'premium', end_date: '2027-01-01', seats: null })).toEqual(NOTHING);
    expect(plan({ end_date: '2027-01-02' }).messages).not.toEqual([]);
  });

  describe('the plan is its number, the id is written along (rule 4)', () => {
    const withoutUid = premiumRow({ hosted_plan_name_uid: null });

    test('a missing number is filled in by any other change, and by itself is none', () => {
      expect(updated({ seats: 11 }, withoutUid)).toEqual({ seats: 11, hosted_plan_name_uid: 5 });
      const asked = { askedPlanId: '500' };
      expect(planSubscription({ plan_code: 'premium' }, stateOf(withoutUid, asked), clock)).toEqual(NOTHING);
      expect(planSubscription({ seats: 10 }, stateOf(withoutUid, asked), clock)).toEqual(NOTHING);
    });

    test('another plan sets both; the id only where the plan has one', () => {
      const attrs = { plan_code: 'ultimate' };
      expect(updated(attrs, premiumRow(), { askedPlanId: '700' })).toEqual(planColumns('ultimate'));
      expect(updated(attrs, premiumRow())).toEqual({ hosted_plan_name_uid: 7 });
    });

    test('an id that names another plan decides nothing', () => {
      const off = premiumRow({ hosted_plan_id: '700' });
      const asked = { askedPlanId: '500' };
      expect(planSubscription({ plan_code: 'premium' }, stateOf(off, asked), clock)).toEqual(NOTHING);
      expect(updated({ plan_code: 'premium', seats: 11 }, off, asked)).toEqual({
        seats: 11,
        hosted_plan_id: '500',
      });
    });
  });

  test('null is stored as NULL', () => {
    expect(updated({ end_date: null, auto_renew: null })).toEqual({ end_date: null, auto_renew: null });
  });

  test('a changed max_seats_used is dated (rule 1)', () => {
    expect(updated({ max_seats_used: 11 })).toEqual({
      max_seats_used: 11,
      max_seats_used_changed_at: clock.now,
    });
  });

  test('a max_seats_used that comes with a new term is not dated (rule 1)', () => {
    const attrs = { max_seats_used: 11, start_date: '2027-01-01', end_date: '2028-01-01' };
    const row = premiumRow({ ...planColumns('free'), max_seats_used_changed_at: null });
    expect(updated(attrs, row)).toEqual(attrs);
  });
});

describe('seat statistics (rule 3)', () => {
  const reset = { max_seats_used: 8, max_seats_used_changed_at: clock.now, last_seat_refresh_at: null };
  const renewal = { start_date: '2027-01-01', end_date: '2028-01-01' };

  test('start over with a new term, whatever max_seats_used was sent', () => {
    expect(updated({ ...renewal, max_seats_used: 50 })).toEqual({ ...renewal, ...reset });
  });

  test('count the billable members and what is owed beyond the seats', () => {
    expect(updated({ ...renewal, seats: 3 }, premiumRow(), { billableMembers: 5 })).toEqual({
      ...renewal,
      seats: 3,
      seats_in_use: 5,
      max_seats_used: 5,
      seats_owed: 2,
      max_seats_used_changed_at: clock.now,
      last_seat_refresh_at: null,
    });
  });

  test('are no new term when only one date moves or the new start lies within the old term', () => {
    expect(updated({ end_date: '2028-01-01' })).toEqual({ end_date: '2028-01-01' });
    const within = { start_date: '2026-02-01', end_date: '2027-02-01' };
    expect(updated(within)).toEqual(within);
  });

  test('start over when an open-ended term gets another start and an end', () => {
    const attrs = { start_date: '2026-02-01', end_date: '2027-02-01' };
    expect(updated(attrs, premiumRow({ end_date: null }))).toEqual({ ...attrs, ...reset });
  });

  test('start over when a trial becomes a paid subscription', () => {
    const trial = premiumRow({ trial: true, trial_starts_on: '2026-01-01', trial_ends_on: '2026-02-01' });
    expect(updated({ trial: false }, trial)).toEqual({ trial: false, ...reset });
  });

  test.each([
    [false, null],
    [null, false],
    [true, null],
  ])('start over when trial changes from %j to %j', (before, trial) => {
    const row = premiumRow({
      ...planColumns('bronze'),
      trial: before,
      max_seats_used: 12,
      seats_in_use: 0,
    });
    expect(updated({ trial }, row)).toMatchObject({ trial, max_seats_used: 0 });
  });

  test('start over when their date lies before the start; a date that is missing does not count', () => {
    const stale = premiumRow({ max_seats_used_changed_at: '2025-12-31 23:59:59+00' });
    expect(updated({ auto_renew: false }, stale)).toEqual({ auto_renew: false, ...reset });
    const onStart = premiumRow({ max_seats_used_changed_at: '2026-01-01 00:00:00+00' });
    expect(updated({ auto_renew: false }, onStart)).toEqual({ auto_renew: false });
    const never = premiumRow({ max_seats_used_changed_at: null });
    expect(updated({ auto_renew: false }, never)).toEqual({ auto_renew: false });
  });

  test('a max_seats_used that is sent now is fresh (rule 1 before rule 3)', () => {
    const stale = premiumRow({ max_seats_used_changed_at: '2025-12-31 23:59:59+00' });
    expect(updated({ max_seats_used: 12 }, stale)).toEqual({
      max_seats_used: 12,
      max_seats_used_changed_at: clock.now,
    });
  });

  test.each([
    ['a trial', { trial: true, trial_starts_on: '2027-01-01', trial_ends_on: '2027-02-01' }],
    ['no seats', { seats: 0 }],
  ])('stay with a renewal that is not paid: %s', (_reason, attrs) => {
    expect(updated({ ...renewal, ...attrs })).toEqual({ ...renewal, ...attrs });
  });

  test('stay with the renewal of a plan that is not paid', () => {
    const free = premiumRow(planColumns('free'));
    expect(updated(renewal, free)).toEqual(renewal);
  });

  describe('around ultimate_trial_paid_customer', () => {
    const trialRow = premiumRow(planColumns('ultimate_trial_paid_customer'));
    const toPremium = { askedPlanId: '500' };
    const premiumColumns = planColumns('premium');

    test('stay when the trial begins, even with a new term', () => {
      const attrs = { plan_code: 'ultimate_trial_paid_customer', ...renewal };
      expect(updated(attrs, premiumRow(), { askedPlanId: '1000' })).toEqual({
        ...planColumns('ultimate_trial_paid_customer'),
        ...renewal,
      });
    });

    test('stay on the return to Premium with the dates of the last Premium history row', () => {
      const lastPremium = { start_date: '2026-01-01', end_date: '2027-01-01' };
      const values = { ...toPremium, lastPremium };
      expect(updated({ plan_code: 'premium' }, trialRow, values)).toEqual(premiumColumns);
    });

    test.each([
      ['without a Premium history row', null],
      ['with another start', { start_date: '2025-01-01', end_date: '2027-01-01' }],
      ['with another end', { start_date: '2026-01-01', end_date: null }],
    ])('start over on the change to Premium %s', (_case, lastPremium) => {
      const values = { ...toPremium, lastPremium };
      expect(updated({ plan_code: 'premium' }, trialRow, values)).toEqual({ ...premiumColumns, ...reset });
    });

    test('start over on the purchase of Ultimate', () => {
      const lastPremium = { start_date: '2026-01-01', end_date: '2027-01-01' };
      const attrs = { plan_code: 'ultimate', seats: 5 };
      expect(updated(attrs, trialRow, { lastPremium })).toMatchObject({ seats: 5, seats_owed: 3, ...reset });
    });

    test.each([
      ['free', { plan_code: 'free', seats: 5 }],
      ['no seats', { plan_code: 'ultimate', seats: 0 }],
    ])('start over, and a result that is not paid owes nothing: %s', (_case, attrs) => {
      const row = { ...trialRow, seats_owed: 2 };
      expect(updated(attrs, row)).toMatchObject({ seats_owed: 0, ...reset });
    });

    test('stay while the plan stays', () => {
      expect(updated(renewal, trialRow)).toEqual(renewal);
    });
  });
});

describe('overages (rule 5)', () => {
  const asked = { contract_overages_allowed: false };
  const blocked = {
    seat_control: 2,
    new_user_signups_cap: null,
    prevent_sharing_groups_outside_hierarchy: true,
  };

  test('blocks them in the settings of the namespace, with what every write of these brings along', () => {
    const before = settings({ seat_control: 1, new_user_signups_cap: 7 });
    const plan = planSubscription(asked, stateOf(premiumRow(), { settings: before }), clock);
    expect(plan.writes.at(-1)).toEqual({
      table: 'namespace_settings',
      key: { namespace_id: '9' },
      values: blocked,
    });
    expect(plan.followUps.at(-1)).toEqual({
      event: 'restricted_access_enabled',
      payload: { namespace_id: '9' },
    });
  });

  test('only what is not so already, also where overages are blocked', () => {
    const before = settings({ seat_control: 2, prevent_sharing_groups_outside_hierarchy: true });
    const capped = { ...before, new_user_signups_cap: 7 };
    const plan = planSubscription(asked, stateOf(premiumRow(), { settings: capped }), clock);
    expect(valuesFor(plan, 'namespace_settings')).toEqual({ new_user_signups_cap: null });
    expect(events(plan)).not.toContain('restricted_access_enabled');
  });

  test('only a group is kept from sharing', () => {
    const namespace = { id: '9', type: 'User' };
    const plan = planSubscription(asked, stateOf(premiumRow(), { namespace, settings: settings() }), clock);
    expect(valuesFor(plan, 'namespace_settings')).toEqual({ seat_control: 2 });
  });

  test('also when the subscription holds everything already', () => {
    const row = premiumRow({ contract_overages_allowed: false });
    const plan = planSubscription(asked, stateOf(row, { settings: settings() }), clock);
    expect(plan.writes.map(({ table }) => table)).toEqual(['namespace_settings']);
    expect(events(plan)).toEqual(['restricted_access_enabled']);
  });

  test.each([
    ['no settings row', asked, null],
    ['all is so already', asked, settings(blocked)],
    ['allowed', { contract_overages_allowed: true }, settings()],
    ['not sent', { seats: 11 }, settings()],
  ])('writes no settings: %s', (_case, attrs, before) => {
    const plan = planSubscription(attrs, stateOf(premiumRow(), { settings: before }), clock);
    expect(valuesFor(plan, 'namespace_settings')).toBeUndefined();
    expect(events(plan)).not.toContain('restricted_access_enabled');
  });
});

describe('the same sync again (contract 5)', () => {
  const attrs = { max_seats_used: 19, start_date: '2027-01-01', end_date: '2028-01-01' };

  test('leaves max_seats_used alone where a reset has overridden it', () => {
    const row = premiumRow({ max_seats_used: 19, seats_in_use: 3 });
    const first = planSubscription(attrs, stateOf(row), clock);
    const after = { ...row, ...valuesFor(first, 'gitlab_subscriptions') };
    expect(after.max_seats_used).toBe(3);
    expect(first.memory).toEqual({ keepsMaxSeatsUsed: true });
    const again = planSubscription(attrs, stateOf(after), clock, { keepsMaxSeatsUsed: true });
    expect(again).toEqual({ ...NOTHING, memory: first.memory });
    expect(planSubscription(attrs, stateOf(after), clock).writes).not.toEqual([]);
  });

  test('has nothing to remember where all was stored as it was sent', () => {
    expect(planSubscription({ max_seats_used: 19 }, stateOf(premiumRow()), clock).memory).toBeUndefined();
  });
});

describe('follow-up work (contract 4.6)', () => {
  test('of changed seats and a new term of a paid subscription', () => {
    const attrs = { seats: 20, start_date: '2027-01-01', end_date: '2028-01-01' };
    expect(planSubscription(attrs, stateOf(premiumRow()), clock).followUps).toEqual([
      { event: 'reset_seat_callouts', payload: { namespace_id: '9', seats_before: 10, seats_after: 20 } },
      {
        event: 'subscription_renewed',
        payload: { namespace_id: '9', start_date: '2027-01-01', end_date: '2028-01-01' },
      },
      { event: 'refresh_seats', payload: { namespace_id: '9' } },
      { event: 'index_namespace', payload: { namespace_id: '9', plan: 'premium' } },
    ]);
  });

  test.each<[string, BaseProduct, boolean]>([
    ['ends today', { end_date: '2026-06-15' }, true],
    ['is open-ended', { end_date: null }, true],
    ['ended yesterday', { end_date: '2026-06-14' }, false],
    ['has no seats', { seats: 0 }, true],
    ['is a trial', { trial: true, trial_starts_on: '2026-06-01', trial_ends_on: '2026-07-01' }, true],
    ['is free', { plan_code: 'free' }, false],
    ['is of early adopters', { plan_code: 'early_adopter' }, false],
  ])('a subscription that %s is indexed or not', (_case, attrs, indexed) => {
    expect(events(planSubscription(attrs, stateOf(premiumRow()), clock)).includes('index_namespace')).toBe(
      indexed,
    );
  });

  test('a new subscription of a paid plan is indexed, without seats', () => {
    expect(events(planSubscription({ plan_code: 'ultimate' }, stateOf(null), clock))).toEqual([
      'index_namespace',
    ]);
  });
});
