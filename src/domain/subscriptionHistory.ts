import type { ColumnValues } from './plan';
import type { SubscriptionRow } from './subscriptionState';

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
