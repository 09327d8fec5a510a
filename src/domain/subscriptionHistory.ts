import type { ColumnValues } from './plan';
import type { SubscriptionRow } from './subscriptionState';

/** `gitlab_subscription_histories.change_type` of an update. */
const CHANGE_TYPE_UPDATED = 1;

/**
 * The row of `gitlab_subscription_histories` that keeps the values before an update (contract 4.1, rule 2). The
 * table has neither `seats_owed` nor the two seat timestamps.
 */
export function subscriptionHistory(row: SubscriptionRow, now: string): ColumnValues {
  const { id, created_at, updated_at, seats_owed, max_seats_used_changed_at, last_seat_refresh_at, ...kept } =
    row;
  return {
    ...kept,
    created_at: now,
    gitlab_subscription_id: id,
    gitlab_subscription_created_at: created_at,
    gitlab_subscription_updated_at: updated_at,
    change_type: CHANGE_TYPE_UPDATED,
  };
}
