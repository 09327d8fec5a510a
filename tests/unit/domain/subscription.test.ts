import { describe, expect, test } from '@jest/globals';
import type { BaseProduct } from '../../../src/domain/provision';
import { planSubscription } from '../../../src/domain/subscription';
import { askedPlanName, type SubscriptionState } from '../../../src/domain/subscriptionState';
import { clock, events, planNamed, premiumRow, stateOf, valuesFor } from './subscriptionFixtures';

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
    const plan = planSubscription(attrs, stateOf(null, { askedPlan: planNamed('premium') }), clock);
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
    expect(askedPlanName({ plan_code: null })).toBe('free');
    expect(askedPlanName({ plan_code: '' })).toBe('');
    expect(askedPlanName({ seats: 1 })).toBeUndefined();
  });

  test('overages not allowed blocks them on create, too (rule 5)', () => {
    const plan = planSubscription(
      { contract_overages_allowed: false },
      stateOf(null, { seat_control: 0 }),
      clock,
    );
    expect(valuesFor(plan, 'namespace_settings')).toEqual({ seat_control: 2 });
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
    const { id, name, plan_name_uid } = planNamed('premium');
    const askedPlan = { id, name, plan_name_uid };
    const attrs = { plan_code: 'premium', seats: 10, max_seats_used: 9, start_date: '2026-01-01' };
    expect(planSubscription(attrs, stateOf(row, { askedPlan }), clock)).toEqual(NOTHING);
  });

  test('without plan_code the plan is left alone, even if its uid is off', () => {
    expect(updated({ seats: 11 }, premiumRow({ hosted_plan_name_uid: null }))).toEqual({ seats: 11 });
  });

  test('hosted_plan_name_uid follows the plan (rule 4)', () => {
    const askedPlan = planNamed('ultimate');
    expect(updated({ plan_code: 'ultimate' }, premiumRow(), { askedPlan })).toEqual({
      hosted_plan_id: '700',
      hosted_plan_name_uid: 7,
    });
    const off = premiumRow({ hosted_plan_name_uid: null });
    expect(updated({ plan_code: 'premium' }, off, { askedPlan: planNamed('premium') })).toEqual({
      hosted_plan_name_uid: 5,
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
    const row = premiumRow({ hosted_plan_id: planNamed('free').id, max_seats_used_changed_at: null });
    expect(updated(attrs, row)).toEqual(attrs);
  });
});

describe('seat statistics (rule 3)', () => {
  const reset = { max_seats_used: 8, max_seats_used_changed_at: clock.now };
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
    const free = premiumRow({ hosted_plan_id: '200', hosted_plan_name_uid: 2 });
    expect(updated(renewal, free)).toEqual(renewal);
  });

  describe('around ultimate_trial_paid_customer', () => {
    const trialRow = premiumRow({ hosted_plan_id: '1000', hosted_plan_name_uid: 10 });
    const toPremium = { askedPlan: planNamed('premium') };
    const premiumColumns = { hosted_plan_id: '500', hosted_plan_name_uid: 5 };

    test('stay when the trial begins, even with a new term', () => {
      const askedPlan = planNamed('ultimate_trial_paid_customer');
      expect(updated({ plan_code: 'x', ...renewal }, premiumRow(), { askedPlan })).toEqual({
        hosted_plan_id: '1000',
        hosted_plan_name_uid: 10,
        ...renewal,
      });
    });

    test('stay on the return to Premium with the dates of the last Premium history row', () => {
      const lastPremium = { start_date: '2026-01-01', end_date: '2027-01-01' };
      const values = { ...toPremium, lastPremium, currentPlanName: 'ultimate_trial_paid_customer' };
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

    test('start over on the purchase of Ultimate, even if it is not paid yet', () => {
      const lastPremium = { start_date: '2026-01-01', end_date: '2027-01-01' };
      const values = { askedPlan: planNamed('ultimate'), lastPremium };
      const attrs = { plan_code: 'ultimate', seats: 0 };
      expect(updated(attrs, trialRow, values)).toMatchObject({ seats: 0, seats_owed: 8, ...reset });
    });

    test('stay while the plan stays', () => {
      expect(updated(renewal, trialRow)).toEqual(renewal);
    });
  });
});

describe('overages (rule 5)', () => {
  const asked = { contract_overages_allowed: false };

  test('blocks them in the settings of the namespace', () => {
    const plan = planSubscription(asked, stateOf(premiumRow(), { seat_control: 1 }), clock);
    expect(plan.writes.at(-1)).toEqual({
      table: 'namespace_settings',
      key: { namespace_id: '9' },
      values: { seat_control: 2 },
    });
  });

  test('also when the subscription holds everything already, without follow-up work', () => {
    const row = premiumRow({ contract_overages_allowed: false });
    const plan = planSubscription(asked, stateOf(row, { seat_control: 0 }), clock);
    expect(plan.writes.map(({ table }) => table)).toEqual(['namespace_settings']);
    expect(plan.followUps).toEqual([]);
  });

  test.each([
    ['no settings row', asked, null],
    ['blocked already', asked, 2],
    ['allowed', { contract_overages_allowed: true }, 0],
    ['not sent', { seats: 11 }, 0],
  ])('writes no settings: %s', (_case, attrs, seat_control) => {
    const plan = planSubscription(attrs, stateOf(premiumRow(), { seat_control }), clock);
    expect(valuesFor(plan, 'namespace_settings')).toBeUndefined();
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
      { event: 'index_namespace', payload: { namespace_id: '9', plan: 'premium' } },
    ]);
  });

  test.each<[string, BaseProduct, boolean]>([
    ['ends today', { end_date: '2026-06-15' }, true],
    ['is open-ended', { end_date: null }, true],
    ['ended yesterday', { end_date: '2026-06-14' }, false],
    ['has no seats', { seats: 0 }, false],
  ])('a subscription that %s is indexed or not', (_case, attrs, indexed) => {
    expect(events(planSubscription(attrs, stateOf(premiumRow()), clock)).includes('index_namespace')).toBe(
      indexed,
    );
  });
});
