import type { Clock, ColumnValues, SectionPlan, Table } from '../../../src/domain/plan';
import type { HostedPlan, SubscriptionRow, SubscriptionState } from '../../../src/domain/subscriptionState';

export const clock: Clock = { now: '2026-06-15 10:20:30.123456+00', today: '2026-06-15' };

const UIDS = { free: 2, bronze: 3, premium: 5, ultimate: 7, ultimate_trial_paid_customer: 10 } as const;

export type PlanName = keyof typeof UIDS;
export const PLAN_NAMES = Object.keys(UIDS) as PlanName[];

/** A row of `plans`; ids are the uid times 100. */
export function planNamed(name: PlanName): HostedPlan {
  return { id: String(UIDS[name] * 100), name, plan_name_uid: UIDS[name] };
}

/** A running Premium subscription of 10 seats, 8 of them in use. */
export function premiumRow(values: Partial<SubscriptionRow> = {}): SubscriptionRow {
  return {
    id: '71',
    namespace_id: '9',
    hosted_plan_id: planNamed('premium').id,
    hosted_plan_name_uid: planNamed('premium').plan_name_uid,
    start_date: '2026-01-01',
    end_date: '2027-01-01',
    trial_starts_on: null,
    trial_ends_on: null,
    seats: 10,
    max_seats_used: 9,
    seats_in_use: 8,
    seats_owed: 0,
    trial: false,
    auto_renew: true,
    trial_extension_type: 1,
    contract_overages_allowed: true,
    max_seats_used_changed_at: '2026-03-01 00:00:00+00',
    last_seat_refresh_at: '2026-06-01 00:00:00+00',
    created_at: '2026-01-01 08:00:00+00',
    updated_at: '2026-03-01 00:00:00+00',
    ...values,
  };
}

/** The state of a namespace with the row (null for none); seats in use count as billable members. */
export function stateOf(
  row: SubscriptionRow | null,
  values: Partial<SubscriptionState> = {},
): SubscriptionState {
  const current = PLAN_NAMES.find((name) => planNamed(name).id === row?.hosted_plan_id) ?? null;
  return {
    namespace_id: '9',
    row,
    askedPlan: null,
    currentPlanName: current,
    lastPremium: null,
    seat_control: null,
    billableMembers: row?.seats_in_use ?? 0,
    ...values,
  };
}

/** The values that a plan writes to the first row of a table; undefined when it writes none. */
export function valuesFor(plan: SectionPlan, table: Table): ColumnValues | undefined {
  return plan.writes.find((write) => write.table === table)?.values;
}

export function events(plan: SectionPlan): string[] {
  return plan.followUps.map(({ event }) => event);
}
