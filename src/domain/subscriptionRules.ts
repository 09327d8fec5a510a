import type { NamespaceSettings } from './namespaceSettings';
import type { ColumnValues } from './plan';
import { isPaidPlan, PREMIUM, ULTIMATE_TRIAL_PAID_CUSTOMER } from './catalogue';
import { rangeMessage } from './coercion';

/** A row of `gitlab_subscriptions`. Dates are `YYYY-MM-DD`, timestamps as PostgreSQL prints them in UTC, int8 text. */
export type SubscriptionRow = {
  id: string;
  namespace_id: string;
  /** Null also where the table has no such column any more (contract 7). */
  hosted_plan_id: string | null;
  hosted_plan_name_uid: number | null;
  start_date: string | null;
  end_date: string | null;
  trial_starts_on: string | null;
  trial_ends_on: string | null;
  seats: number | null;
  max_seats_used: number | null;
  seats_in_use: number;
  seats_owed: number;
  trial: boolean | null;
  auto_renew: boolean | null;
  trial_extension_type: number | null;
  contract_overages_allowed: boolean;
  max_seats_used_changed_at: string | null;
  last_seat_refresh_at: string | null;
  created_at: string;
  updated_at: string;
};

/** The columns that the section can set; null where NULL is asked for. The plan is its number (contract 4.1, rule 4). */
export type SubscriptionColumns = Pick<
  SubscriptionRow,
  | 'hosted_plan_name_uid'
  | 'start_date'
  | 'end_date'
  | 'trial_starts_on'
  | 'trial_ends_on'
  | 'seats'
  | 'max_seats_used'
  | 'trial'
  | 'auto_renew'
> & { contract_overages_allowed: boolean | null };

/** What planSubscription needs to know of the database. */
export interface SubscriptionState {
  namespace: { id: string; type: string };
  /** The namespace's subscription; null when there is none yet. */
  row: SubscriptionRow | null;
  /** The number of the row's plan, also where only its `hosted_plan_id` names it; null without a row or a plan. */
  planUid: number | null;
  /** `plans`: number to id. Ids are only written along. */
  planIds: ReadonlyMap<number, string>;
  /** Dates of the newest history row with the plan `premium`; null when there is none. */
  lastPremium: { start_date: string | null; end_date: string | null } | null;
  /** Null without a settings row. */
  settings: NamespaceSettings | null;
  /** Members that count as seats now. */
  billableMembers: number;
}

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

/** Members that count as seats now. The service cannot count them: it knows what GitLab has counted last. */
export function billableMembers({ seats_in_use }: SubscriptionRow): number {
  return seats_in_use;
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

/**
 * Why a subscription cannot be stored as it would be (contract 4.5): GitLab's messages in the order of the table,
 * then ours. Empty when it can.
 */
export function subscriptionMessages(result: SubscriptionColumns, unknownPlan: string | null): string[] {
  return [...requiredMessages(result), ...trialMessages(result), ...ownMessages(result, unknownPlan)].map(
    (message) => `Gitlab subscription ${message}`,
  );
}

function requiredMessages({ seats, start_date }: SubscriptionColumns): string[] {
  const messages: string[] = [];
  if (seats === null) messages.push("seats can't be blank");
  if (start_date === null) messages.push("start date can't be blank");
  return messages;
}

function trialMessages(result: SubscriptionColumns): string[] {
  const { trial, trial_starts_on: starts, trial_ends_on: ends } = result;
  const messages: string[] = [];
  if (trial === true && ends === null) messages.push("trial ends on can't be blank");
  if (trial === true && starts === null) messages.push("trial starts on can't be blank");
  if (trial === true && starts !== null && ends !== null && ends <= starts) {
    messages.push(`trial ends on must be greater than ${starts}`);
  }
  if (result.contract_overages_allowed === null) {
    messages.push('contract overages allowed is not included in the list');
  }
  return messages;
}

function ownMessages(result: SubscriptionColumns, unknownPlan: string | null): string[] {
  const { start_date: start, end_date: end } = result;
  const messages: (string | null)[] = [];
  if (unknownPlan !== null) messages.push(`hosted plan '${unknownPlan}' is not a known plan`);
  messages.push(rangeMessage('seats', result.seats), rangeMessage('max seats used', result.max_seats_used));
  if (start !== null && end !== null && end < start) messages.push('end date must be on or after start date');
  return messages.filter((message) => message !== null);
}

/** `gitlab_subscription_histories.change_type` of an update. */
const CHANGE_TYPE_UPDATED = 1;

/** The columns that both tables have under the same name; the history has no `seats_owed` and no seat timestamps. */
const KEPT = [
  'namespace_id',
  'hosted_plan_id',
  'hosted_plan_name_uid',
  'start_date',
  'end_date',
  'trial_starts_on',
  'trial_ends_on',
  'seats',
  'max_seats_used',
  'seats_in_use',
  'trial',
  'auto_renew',
  'trial_extension_type',
  'contract_overages_allowed',
] as const satisfies readonly (keyof SubscriptionRow)[];

/** The row of `gitlab_subscription_histories` that keeps the values before an update (contract 4.1, rule 2). */
export function subscriptionHistory(row: SubscriptionRow, now: string): ColumnValues {
  return {
    ...Object.fromEntries(KEPT.map((column) => [column, row[column]])),
    created_at: now,
    gitlab_subscription_id: row.id,
    gitlab_subscription_created_at: row.created_at,
    gitlab_subscription_updated_at: row.updated_at,
    change_type: CHANGE_TYPE_UPDATED,
  };
}
