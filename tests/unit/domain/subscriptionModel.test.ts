import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { BaseProduct } from '../../../src/domain/provision';
import { planSubscription, type SubscriptionMemory } from '../../../src/domain/subscription';
import type { SubscriptionRow, SubscriptionState } from '../../../src/domain/subscriptionRules';
import {
  clock,
  events,
  PLAN_NAMES,
  planColumns,
  premiumRow,
  stateOf,
  valuesFor,
  type PlanName,
} from './subscriptionFixtures';

// Few days, so that dates often coincide.
const day = fc.constantFrom('2026-01-01', '2026-06-15', '2027-01-01', '2028-01-01');
const dayOrNull = fc.option(day, { nil: null });
const seats = fc.integer({ min: 0, max: 3 });
const planName = fc.constantFrom(...PLAN_NAMES);

const columns = {
  start_date: day,
  end_date: dayOrNull,
  seats,
  max_seats_used: seats,
  trial: fc.constantFrom(true, false, null),
  auto_renew: fc.boolean(),
};

const world = fc.record({
  stored: fc.record({
    ...columns,
    start_date: dayOrNull,
    trial_starts_on: fc.constant('2026-01-01'),
    trial_ends_on: fc.constant('2026-02-01'),
    seats_in_use: seats,
    max_seats_used_changed_at: fc.option(
      day.map((date) => `${date} 12:00:00+00`),
      { nil: null },
    ),
  }),
  storedPlan: planName,
  sent: fc.record({ ...columns, plan_code: planName }, { requiredKeys: [] }),
  lastPremium: fc.option(fc.record({ start_date: dayOrNull, end_date: dayOrNull }), { nil: null }),
});

const UNPAID = ['default', 'free', 'early_adopter'];

function isPaid(trial: boolean | null, seats: number, plan: string): boolean {
  return !trial && seats >= 1 && !UNPAID.includes(plan);
}

const askedOf = ({ plan_code }: { plan_code?: PlanName }) => ({
  askedPlanId: plan_code === undefined ? null : planColumns(plan_code).hosted_plan_id,
});

/** Contract 4.1 told once more, the other way round: as conditions on before and after. */
function model(
  row: SubscriptionRow,
  oldPlan: string,
  sent: BaseProduct,
  last: SubscriptionState['lastPremium'],
) {
  const newPlan = sent.plan_code ?? oldPlan;
  const start = sent.start_date ?? row.start_date;
  const end = sent.end_date === undefined ? row.end_date : sent.end_date;
  const trial = sent.trial === undefined ? row.trial : sent.trial;
  const max = sent.max_seats_used ?? row.max_seats_used;
  const someChange =
    newPlan !== oldPlan ||
    start !== row.start_date ||
    end !== row.end_date ||
    trial !== row.trial ||
    max !== row.max_seats_used ||
    (sent.seats ?? row.seats) !== row.seats ||
    (sent.auto_renew ?? row.auto_renew) !== row.auto_renew;
  const renewed =
    start !== row.start_date &&
    end !== row.end_date &&
    !(row.end_date && start !== null && start < row.end_date);
  const seatsDated = max !== row.max_seats_used && !renewed ? clock.now : row.max_seats_used_changed_at;
  const special = 'ultimate_trial_paid_customer';
  let due: boolean;
  if (![oldPlan, newPlan].includes(special)) {
    const paid = isPaid(trial, sent.seats ?? row.seats ?? 0, newPlan);
    const stale = seatsDated !== null && new Date(seatsDated) < new Date(`${start}T00:00:00Z`);
    due = paid && (renewed || stale || (row.trial !== trial && !trial));
  } else if (newPlan === special) {
    due = false;
  } else {
    due = !(newPlan === 'premium' && last?.start_date === start && last.end_date === end);
  }
  return { someChange, renewed: someChange && renewed, due: someChange && due, seatsDated };
}

test('new term, seat reset and history agree with a second telling of contract 4.1', () => {
  const seen = { due: 0, renewed: 0 };
  fc.assert(
    fc.property(world, ({ stored, storedPlan, sent, lastPremium }) => {
      const row = premiumRow({ ...stored, ...planColumns(storedPlan) });
      const plan = planSubscription(sent, stateOf(row, { ...askedOf(sent), lastPremium }), clock);
      // Refused states are told apart by the tests of the messages.
      if (plan.messages.length > 0) return;

      const expected = model(row, storedPlan, sent, lastPremium);
      const written = valuesFor(plan, 'gitlab_subscriptions');
      const after = { ...row, ...written };
      expect(written !== undefined).toBe(expected.someChange);
      expect(valuesFor(plan, 'gitlab_subscription_histories') !== undefined).toBe(expected.someChange);
      expect(events(plan).includes('subscription_renewed')).toBe(expected.renewed);
      if (expected.due) {
        const inUse = row.seats_in_use;
        expect(after).toMatchObject({
          max_seats_used: inUse,
          seats_owed: isPaid(after.trial, after.seats ?? 0, sent.plan_code ?? storedPlan)
            ? Math.max(0, inUse - (after.seats ?? 0))
            : 0,
          max_seats_used_changed_at: clock.now,
          last_seat_refresh_at: null,
        });
      } else {
        expect(after.max_seats_used).toBe(sent.max_seats_used ?? row.max_seats_used);
        expect(after.seats_owed).toBe(row.seats_owed);
        expect(after.max_seats_used_changed_at).toBe(expected.seatsDated);
        expect(after.last_seat_refresh_at).toBe(row.last_seat_refresh_at);
      }
      seen.due += Number(expected.due);
      seen.renewed += Number(expected.renewed);
    }),
    { numRuns: 5000 },
  );
  // A generator that never gets to a rule proves nothing about it.
  expect(Math.min(seen.due, seen.renewed)).toBeGreaterThan(20);
});

test('what was written is stored: the same request again converges', () => {
  fc.assert(
    fc.property(world, ({ stored, storedPlan, sent }) => {
      let row = premiumRow({ ...stored, ...planColumns(storedPlan) });
      let memory: SubscriptionMemory | null = null;
      const apply = () => {
        const plan = planSubscription(sent, stateOf(row, askedOf(sent)), clock, memory);
        row = { ...row, ...valuesFor(plan, 'gitlab_subscriptions') };
        memory = (plan.memory as SubscriptionMemory | undefined) ?? null;
        return plan;
      };
      if (apply().messages.length > 0) return;
      expect(apply()).toMatchObject({ messages: [], writes: [], followUps: [] });
      expect(apply()).toMatchObject({ messages: [], writes: [], followUps: [] });
    }),
  );
});
