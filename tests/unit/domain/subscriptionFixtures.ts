import type { Clock, ColumnValues, SectionPlan, Table } from '../../../src/domain/plan';
import { PLANS, planUid } from '../../../src/domain/catalogue';
import type { NamespaceSettings } from '../../../src/domain/namespaceSettings';
import type { SubscriptionRow, SubscriptionState } from '../../../src/domain/subscriptionRules';

export const clock: Clock = { now: '2026-06-15 10:20:30.123456+00', today: '2026-06-15' };

export type PlanName = (typeof PLANS)[number]['name'];
export const PLAN_NAMES = PLANS.map(({ name }) => name);

/** The columns that say which plan a row has; ids are the uid times 100. */
export function planColumns(name: PlanName): { hosted_plan_id: string; hosted_plan_name_uid: number } {
  const uid = planUid(name) ?? 0;
  return { hosted_plan_id: String(uid * 100), hosted_plan_name_uid: uid };
}

/** A settings row as GitLab makes it. */
export function settings(values: Partial<NamespaceSettings> = {}): NamespaceSettings {
  return {
    seat_control: 0,
    new_user_signups_cap: null,
    prevent_sharing_groups_outside_hierarchy: false,
    duo_nano_features_enabled: null,
    ...values,
  };
}

/** A running Premium subscription of 10 seats, 8 of them in use. */
export function premiumRow(values: Partial<SubscriptionRow> = {}): SubscriptionRow {
  return {
    id: '71',
    namespace_id: '9',
    ...planColumns('premium'),
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
  const planId = Number(row?.hosted_plan_id ?? 0);
  return {
    namespace: { id: '9', type: 'Group' },
    row,
    planUid: row?.hosted_plan_name_uid ?? (planId > 0 ? planId / 100 : null),
    askedPlanId: null,
    lastPremium: null,
    settings: null,
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
