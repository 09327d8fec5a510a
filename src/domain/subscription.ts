import { changedColumns } from './changedColumns';
import type { Clock, FollowUp, SectionPlan, Write } from './plan';
import type { BaseProduct } from './provision';
import { subscriptionHistory } from './subscriptionHistory';
import { subscriptionMessages } from './subscriptionMessages';
import { isNewTerm, isPaid, isSeatResetDue, seatReset } from './subscriptionRules';
import {
  askedPlanName,
  type SubscriptionColumns,
  type SubscriptionRow,
  type SubscriptionState,
} from './subscriptionState';

const SEAT_CONTROL_BLOCK_OVERAGES = 2;

/** The row that GitLab builds for a namespace without a subscription. */
function blankColumns(today: string): SubscriptionColumns {
  return {
    hosted_plan_id: null,
    hosted_plan_name_uid: null,
    start_date: today,
    end_date: null,
    trial_starts_on: null,
    trial_ends_on: null,
    seats: 0,
    max_seats_used: 0,
    trial: false,
    auto_renew: null,
    contract_overages_allowed: true,
  };
}

/**
 * What `base_product` does to the subscription of a namespace (contract 4.1). Refused: messages only. Values that are
 * all stored already: no write of the subscription, no history, no seat reset.
 */
export function planSubscription(attrs: BaseProduct, state: SubscriptionState, clock: Clock): SectionPlan {
  const sent = sentColumns(attrs, state);
  const before = state.row ?? blankColumns(clock.today);
  const result: SubscriptionColumns = { ...before, ...sent };
  const planName = askedPlanName(attrs);
  const unknownPlan = planName !== undefined && state.askedPlan === null ? planName : null;
  const messages = subscriptionMessages(result, unknownPlan);
  if (messages.length > 0) return { messages, writes: [], followUps: [] };

  const newPlan = planName ?? state.currentPlanName;
  const { writes, followUps } = state.row
    ? planUpdate(state.row, result, newPlan, state, clock)
    : planCreate(sent, result, state);
  if (writes.length > 0 && isPaid(result, newPlan) && !isExpired(result, clock)) {
    followUps.push({
      event: 'index_namespace',
      payload: { namespace_id: state.namespace_id, plan: newPlan },
    });
  }
  return { messages: [], writes: [...writes, ...seatControlWrites(attrs, state)], followUps };
}

/** The columns that were sent; a plan sets two (contract 4.1, rule 4). */
function sentColumns(attrs: BaseProduct, { askedPlan }: SubscriptionState): Partial<SubscriptionColumns> {
  const { plan_code, ...columns } = attrs;
  if (plan_code === undefined || askedPlan === null) return columns;
  return { hosted_plan_id: askedPlan.id, hosted_plan_name_uid: askedPlan.plan_name_uid, ...columns };
}

interface Effects {
  writes: Write[];
  followUps: FollowUp[];
}

function planCreate(
  sent: Partial<SubscriptionColumns>,
  { seats, start_date }: SubscriptionColumns,
  { namespace_id }: SubscriptionState,
): Effects {
  const values = { namespace_id, seats, start_date, ...sent };
  return { writes: [{ table: 'gitlab_subscriptions', key: null, values }], followUps: [] };
}

function planUpdate(
  row: SubscriptionRow,
  result: SubscriptionColumns,
  newPlan: string | null,
  state: SubscriptionState,
  clock: Clock,
): Effects {
  // Every column that can be sent is tracked, so a change of any is a history row (rule 2).
  if (Object.keys(changedColumns(row, result)).length === 0) return { writes: [], followUps: [] };

  const newTerm = isNewTerm(row, result);
  const maxSeatsChanged = row.max_seats_used !== result.max_seats_used;
  const max_seats_used_changed_at = maxSeatsChanged && !newTerm ? clock.now : row.max_seats_used_changed_at;
  const transition = { row, result, oldPlan: state.currentPlanName, newPlan, max_seats_used_changed_at };
  const reset = isSeatResetDue(transition, state.lastPremium)
    ? seatReset(state.billableMembers, result.seats, clock.now)
    : {};
  const values = changedColumns(row, { ...result, max_seats_used_changed_at, ...reset });
  const history: Write = {
    table: 'gitlab_subscription_histories',
    key: null,
    values: subscriptionHistory(row, clock.now),
  };
  return {
    writes: [{ table: 'gitlab_subscriptions', key: { id: row.id }, values }, history],
    followUps: updateFollowUps(row, result, newTerm),
  };
}

function updateFollowUps(row: SubscriptionRow, result: SubscriptionColumns, newTerm: boolean): FollowUp[] {
  const { namespace_id } = row;
  const { start_date, end_date } = result;
  const followUps: FollowUp[] = [];
  if (row.seats !== result.seats) {
    const payload = { namespace_id, seats_before: row.seats, seats_after: result.seats };
    followUps.push({ event: 'reset_seat_callouts', payload });
  }
  if (newTerm)
    followUps.push({ event: 'subscription_renewed', payload: { namespace_id, start_date, end_date } });
  return followUps;
}

function isExpired({ end_date }: SubscriptionColumns, { today }: Clock): boolean {
  return end_date !== null && end_date < today;
}

/** Rule 5: who may not exceed the purchased seats has overages blocked, where the namespace has settings at all. */
function seatControlWrites(attrs: BaseProduct, { namespace_id, seat_control }: SubscriptionState): Write[] {
  const asked = attrs.contract_overages_allowed !== undefined && attrs.contract_overages_allowed !== true;
  if (!asked || seat_control === null || seat_control === SEAT_CONTROL_BLOCK_OVERAGES) return [];
  const values = { seat_control: SEAT_CONTROL_BLOCK_OVERAGES };
  return [{ table: 'namespace_settings', key: { namespace_id }, values }];
}
