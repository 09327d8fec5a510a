import type { ColumnValues } from './plan';
import type { SubscriptionColumns, SubscriptionRow, SubscriptionState } from './subscriptionState';

const PAID_PLANS = new Set([
  'bronze',
  'silver',
  'premium',
  'gold',
  'ultimate',
  'ultimate_trial',
  'ultimate_trial_paid_customer',
  'premium_trial',
  'opensource',
]);

const TRIAL_OF_PAID_CUSTOMER = 'ultimate_trial_paid_customer';

/** A subscription that costs money: no trial, at least one seat, a plan of the list in contract 4.1. */
export function isPaid(result: SubscriptionColumns, planName: string | null): boolean {
  return result.trial !== true && (result.seats ?? 0) > 0 && planName !== null && PAID_PLANS.has(planName);
}

/** Both dates moved on: the old term was open-ended or is over when the new one starts (contract 4.1). */
export function isNewTerm(row: SubscriptionRow, result: SubscriptionColumns): boolean {
  const bothChanged = row.start_date !== result.start_date && row.end_date !== result.end_date;
  if (!bothChanged || result.start_date === null) return false;
  return row.end_date === null || result.start_date >= row.end_date;
}

/** An update in progress: the row before, the columns after, and what rule 3 of contract 4.1 asks about them. */
export interface Transition {
  row: SubscriptionRow;
  result: SubscriptionColumns;
  oldPlan: string | null;
  newPlan: string | null;
  /** As it is after rule 1. Its date is the UTC date, as PostgreSQL prints it in UTC. */
  max_seats_used_changed_at: string | null;
}

/** True when the seat statistics start over with this update (contract 4.1, rule 3). */
export function isSeatResetDue(
  transition: Transition,
  lastPremium: SubscriptionState['lastPremium'],
): boolean {
  const { row, result, oldPlan, newPlan } = transition;
  if (oldPlan === TRIAL_OF_PAID_CUSTOMER || newPlan === TRIAL_OF_PAID_CUSTOMER) {
    // A new plan other than the trial's means that the old one was the trial, so the plan changed.
    return newPlan !== TRIAL_OF_PAID_CUSTOMER && !isReturnToPremium(transition, lastPremium);
  }
  if (!isPaid(result, newPlan)) return false;
  const trialEnded = row.trial === true && result.trial === false;
  return isNewTerm(row, result) || trialEnded || isStale(transition);
}

/** A paid customer who only tried Ultimate goes back to the term as it was, with its statistics. */
function isReturnToPremium(
  { result, newPlan }: Transition,
  lastPremium: SubscriptionState['lastPremium'],
): boolean {
  return (
    newPlan === 'premium' &&
    lastPremium !== null &&
    lastPremium.start_date === result.start_date &&
    lastPremium.end_date === result.end_date
  );
}

function isStale({ result, max_seats_used_changed_at: changedAt }: Transition): boolean {
  return changedAt !== null && result.start_date !== null && changedAt.slice(0, 10) < result.start_date;
}

/** The columns of a reset: the seats in use now become the maximum of the term (contract 4.1, rule 3). */
export function seatReset(billableMembers: number, seats: number | null, now: string): ColumnValues {
  return {
    seats_in_use: billableMembers,
    max_seats_used: billableMembers,
    seats_owed: Math.max(0, billableMembers - (seats ?? 0)),
    max_seats_used_changed_at: now,
  };
}
