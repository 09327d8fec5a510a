import { describe, expect, test } from '@jest/globals';
import type { BaseProduct } from '../../../src/domain/provision';
import { planSubscription } from '../../../src/domain/subscription';
import { clock, premiumRow, settings, stateOf } from './subscriptionFixtures';

function messages(attrs: BaseProduct, row: ReturnType<typeof premiumRow> | null = premiumRow()): string[] {
  const plan = planSubscription(attrs, stateOf(row, { settings: settings() }), clock);
  if (plan.messages.length > 0) expect(plan).toMatchObject({ writes: [], followUps: [] });
  return plan.messages.map((message) => message.replace(/^Gitlab subscription /, ''));
}

const trial = { trial: true, trial_starts_on: '2026-02-13', trial_ends_on: '2026-03-13' };

describe('messages (contract 4.5)', () => {
  test('name the table', () => {
    expect(planSubscription({ seats: null }, stateOf(null), clock).messages).toEqual([
      "Gitlab subscription seats can't be blank",
    ]);
  });

  test.each<[BaseProduct, string]>([
    [{ seats: null }, "seats can't be blank"],
    [{ start_date: null }, "start date can't be blank"],
    [{ ...trial, trial_ends_on: null }, "trial ends on can't be blank"],
    [{ ...trial, trial_starts_on: null }, "trial starts on can't be blank"],
    [{ ...trial, trial_ends_on: '2026-02-13' }, 'trial ends on must be greater than 2026-02-13'],
    [{ ...trial, trial_ends_on: '2026-02-12' }, 'trial ends on must be greater than 2026-02-13'],
    [{ contract_overages_allowed: null }, 'contract overages allowed is not included in the list'],
    [{ plan_code: 'xyz' }, "hosted plan 'xyz' is not a known plan"],
    [{ plan_code: '' }, "hosted plan '' is not a known plan"],
    [{ plan_code: 'Premium' }, "hosted plan 'Premium' is not a known plan"],
    [{ seats: -1 }, 'seats must be greater than or equal to 0'],
    [{ seats: 2147483648 }, 'seats must be less than or equal to 2147483647'],
    [{ max_seats_used: -1 }, 'max seats used must be greater than or equal to 0'],
    [{ max_seats_used: 2 ** 63 }, 'max seats used must be less than or equal to 2147483647'],
    [{ start_date: '2026-02-13', end_date: '2026-02-12' }, 'end date must be on or after start date'],
  ])('%j → %s, on create and on update', (attrs, message) => {
    expect(messages(attrs, null)).toEqual([message]);
    expect(messages(attrs)).toEqual([message]);
  });

  test.each<[BaseProduct]>([
    [trial],
    [{ seats: 0 }],
    [{ seats: 2147483647 }],
    [{ start_date: '2026-02-13', end_date: '2026-02-13' }],
    [{ trial: false, trial_starts_on: '2026-02-13', trial_ends_on: '2026-01-01' }],
    [{ trial: null, auto_renew: null, max_seats_used: null }],
  ])('%j is fine', (attrs) => {
    expect(messages(attrs)).toEqual([]);
  });

  test('judge the row as it would be stored, what is sent over what is there', () => {
    expect(messages({ trial: true })).toEqual([
      "trial ends on can't be blank",
      "trial starts on can't be blank",
    ]);
    expect(messages({ end_date: '2025-12-31' })).toEqual(['end date must be on or after start date']);
    const onTrial = premiumRow(trial);
    expect(messages({ trial_starts_on: '2026-04-01' }, onTrial)).toEqual([
      'trial ends on must be greater than 2026-04-01',
    ]);
    expect(messages({ trial: false, trial_ends_on: null }, onTrial)).toEqual([]);
  });

  test('come in the order of the table, then ours', () => {
    const attrs = {
      plan_code: 'xyz',
      end_date: '2020-01-01',
      max_seats_used: -1,
      seats: -1,
      trial: true,
      contract_overages_allowed: null,
    };
    expect(messages(attrs)).toEqual([
      "trial ends on can't be blank",
      "trial starts on can't be blank",
      'contract overages allowed is not included in the list',
      "hosted plan 'xyz' is not a known plan",
      'seats must be greater than or equal to 0',
      'max seats used must be greater than or equal to 0',
      'end date must be on or after start date',
    ]);
  });
});
