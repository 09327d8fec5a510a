import type { ColumnValues } from './plan';
import { isPaidPlan, PREMIUM, ULTIMATE_TRIAL_PAID_CUSTOMER } from './plans';
import type { SubscriptionColumns, SubscriptionRow, SubscriptionState } from './subscriptionState';

/** A subscription that costs money: no trial, at least one seat, a paid plan (contract 4.1). */
function isPaid({ trial, seats, hosted_plan_name_uid }: SubscriptionColumns): boolean {
  return trial !== true && (seats ?? 0) > 0 && isPaidPlan(hosted_plan_name_uid);
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
  /** The number of the plan before. */
  oldPlan: number | null;
  /** As it is after rule 1. Its date is the UTC date, as PostgreSQL prints it in UTC. */
  max_seats_used_changed_at: string | null;
}

/** True when the seat statistics start over with this update (contract 4.1, rule 3). */
export function isSeatResetDue(
  transition: Transition,
  lastPremium: SubscriptionState['lastPremium'],
): boolean {
  const { row, result, oldPlan } = transition;
  const newPlan = result.hosted_plan_name_uid;
  if (oldPlan === ULTIMATE_TRIAL_PAID_CUSTOMER || newPlan === ULTIMATE_TRIAL_PAID_CUSTOMER) {
    // A new plan other than the trial's means that the old one was the trial, so the plan changed.
    return newPlan !== ULTIMATE_TRIAL_PAID_CUSTOMER && !isReturnToPremium(result, lastPremium);
  }
  if (!isPaid(result)) return false;
  const trialEnded = row.trial !== result.trial && result.trial !== true;
  return isNewTerm(row, result) || trialEnded || isStale(transition);
}

/** A paid customer who only tried Ultimate goes back to the term as it was, with its statistics. */
function isReturnToPremium(
  result: SubscriptionColumns,
  lastPremium: SubscriptionState['lastPremium'],
): boolean {
  return (
    result.hosted_plan_name_uid === PREMIUM &&
    lastPremium !== null &&
    lastPremium.start_date === result.start_date &&
    lastPremium.end_date === result.end_date
  );
}

function isStale({ result, max_seats_used_changed_at: changedAt }: Transition): boolean {
  return changedAt !== null && result.start_date !== null && changedAt.slice(0, 10) < result.start_date;
}

/**
 * The columns of a reset: the seats in use now become the maximum of the term (contract 4.1, rule 3). What the service
 * knows of the members may be old: without a `last_seat_refresh_at`, GitLab's own worker counts them again.
 */
export function seatReset(billableMembers: number, result: SubscriptionColumns, now: string): ColumnValues {
  return {
    seats_in_use: billableMembers,
    max_seats_used: billableMembers,
    seats_owed: isPaid(result) ? Math.max(0, billableMembers - (result.seats ?? 0)) : 0,
    max_seats_used_changed_at: now,
    last_seat_refresh_at: null,
  };
}
