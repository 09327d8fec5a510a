import {
  changedColumns,
  type Clock,
  type ColumnValues,
  type FollowUp,
  type SectionPlan,
  type Write,
} from './plan';
import { BLOCK_OVERAGES, settingsWrites } from './namespaceSettings';
import { FREE, isPaidPlan, planName, planUid } from './catalogue';
import type { BaseProduct } from './provision';
import {
  subscriptionHistory,
  subscriptionMessages,
  isNewTerm,
  isSeatResetDue,
  seatReset,
  type SubscriptionColumns,
  type SubscriptionRow,
  type SubscriptionState,
} from './subscriptionRules';

/** What a repeat of the same sync must know of the first time (contract 5). */
export interface SubscriptionMemory {
  /** A reset set `max_seats_used` to something else than was sent: a repeat leaves it alone. */
  keepsMaxSeatsUsed: true;
}

/** The number of the asked plan: undefined when none is mentioned, null when it is not known (contract 1.3). */
export function askedPlanUid({ plan_code }: BaseProduct): number | null | undefined {
  if (plan_code === undefined) return undefined;
  return plan_code === null ? FREE : (planUid(plan_code) ?? null);
}

/** The row that GitLab builds for a namespace without a subscription. */
function blankColumns(today: string): SubscriptionColumns {
  return {
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
 * all stored already: no write of the subscription, no history, no seat reset, and the row's old faults are not judged.
 * @param memory of an earlier run of the same sync; null: it is the first
 */
export function planSubscription(
  attrs: BaseProduct,
  state: SubscriptionState,
  clock: Clock,
  memory: SubscriptionMemory | null = null,
): SectionPlan {
  const sent = sentColumns(attrs, memory);
  const before = state.row ? { ...state.row, hosted_plan_name_uid: state.planUid } : null;
  const result: SubscriptionColumns = { ...(before ?? blankColumns(clock.today)), ...sent };
  const isChanged = before === null || Object.keys(changedColumns(before, { ...sent })).length > 0;
  const unknownPlan = askedPlanUid(attrs) === null ? (attrs.plan_code ?? null) : null;
  const messages = isChanged || unknownPlan !== null ? subscriptionMessages(result, unknownPlan) : [];
  if (messages.length > 0) return { messages, writes: [], followUps: [] };

  const planId = state.planIds.get(askedPlanUid(attrs) ?? 0);
  const along: ColumnValues = planId === undefined ? {} : { hosted_plan_id: planId };
  const plan = !isChanged
    ? NOTHING
    : state.row === null
      ? planCreate({ ...sent, ...along }, result, state)
      : planUpdate(state.row, result, along, state, clock);
  const settings = planSeatControl(attrs, state);
  return {
    messages: [],
    writes: [...plan.writes, ...settings.writes],
    followUps: [
      ...plan.followUps,
      ...(isChanged && isPaidPlan(result.hosted_plan_name_uid) && !isExpired(result, clock)
        ? [indexNamespace(result, state)]
        : []),
      ...settings.followUps,
    ],
    ...(plan.overridesMaxSeatsUsed || memory ? { memory: { keepsMaxSeatsUsed: true } } : {}),
  };
}

/** The columns that were sent; the plan is its number (contract 4.1, rule 4). */
function sentColumns(attrs: BaseProduct, memory: SubscriptionMemory | null): Partial<SubscriptionColumns> {
  const { plan_code: _plan, max_seats_used, ...columns } = attrs;
  const uid = askedPlanUid(attrs);
  return {
    ...(uid !== undefined && { hosted_plan_name_uid: uid }),
    ...columns,
    ...(max_seats_used !== undefined && !memory && { max_seats_used }),
  };
}

interface Effects {
  writes: Write[];
  followUps: FollowUp[];
  overridesMaxSeatsUsed?: boolean;
}

const NOTHING: Effects = { writes: [], followUps: [] };

function planCreate(
  sent: ColumnValues,
  { seats, start_date }: SubscriptionColumns,
  { namespace }: SubscriptionState,
): Effects {
  const values = { namespace_id: namespace.id, seats, start_date, ...sent };
  return { writes: [{ table: 'gitlab_subscriptions', key: null, values }], followUps: [] };
}

/** Every column that can be sent is tracked, so any change makes a history row (rule 2). */
function planUpdate(
  row: SubscriptionRow,
  result: SubscriptionColumns,
  along: ColumnValues,
  state: SubscriptionState,
  clock: Clock,
): Effects {
  const newTerm = isNewTerm(row, result);
  const maxSeatsChanged = row.max_seats_used !== result.max_seats_used;
  const max_seats_used_changed_at = maxSeatsChanged && !newTerm ? clock.now : row.max_seats_used_changed_at;
  const transition = { row, result, oldPlan: state.planUid, max_seats_used_changed_at };
  const isReset = isSeatResetDue(transition, state.lastPremium);
  const reset = isReset ? seatReset(state.billableMembers, result, clock.now) : {};
  const values = changedColumns(row, { ...result, ...along, max_seats_used_changed_at, ...reset });
  const history: Write = {
    table: 'gitlab_subscription_histories',
    key: null,
    values: subscriptionHistory(row, clock.now),
  };
  return {
    writes: [{ table: 'gitlab_subscriptions', key: { id: row.id }, values }, history],
    followUps: updateFollowUps(row, result, newTerm, isReset),
    overridesMaxSeatsUsed: isReset && state.billableMembers !== result.max_seats_used,
  };
}

function updateFollowUps(
  row: SubscriptionRow,
  result: SubscriptionColumns,
  newTerm: boolean,
  isReset: boolean,
): FollowUp[] {
  const { namespace_id } = row;
  const { start_date, end_date } = result;
  const followUps: FollowUp[] = [];
  if (row.seats !== result.seats) {
    const payload = { namespace_id, seats_before: row.seats, seats_after: result.seats };
    followUps.push({ event: 'reset_seat_callouts', payload });
  }
  if (newTerm)
    followUps.push({ event: 'subscription_renewed', payload: { namespace_id, start_date, end_date } });
  if (isReset) followUps.push({ event: 'refresh_seats', payload: { namespace_id } });
  return followUps;
}

function isExpired({ end_date }: SubscriptionColumns, { today }: Clock): boolean {
  return end_date !== null && end_date < today;
}

function indexNamespace(
  { hosted_plan_name_uid: uid }: SubscriptionColumns,
  { namespace }: SubscriptionState,
): FollowUp {
  const plan = uid === null ? null : planName(uid);
  return { event: 'index_namespace', payload: { namespace_id: namespace.id, plan } };
}

/** Rule 5: who may not exceed the purchased seats has overages blocked, where the namespace has settings at all. */
function planSeatControl(attrs: BaseProduct, { namespace, settings }: SubscriptionState): Effects {
  const asked = attrs.contract_overages_allowed !== undefined && attrs.contract_overages_allowed !== true;
  if (!asked || settings === null) return NOTHING;
  const isSwitched = settings.seat_control !== BLOCK_OVERAGES;
  const payload = { namespace_id: namespace.id };
  return {
    writes: settingsWrites(namespace, settings, { seat_control: BLOCK_OVERAGES }),
    followUps: isSwitched ? [{ event: 'restricted_access_enabled', payload }] : [],
  };
}
