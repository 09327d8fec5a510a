import type { SubscriptionRow, SubscriptionState } from '../domain/subscriptionState';
import type { Tx } from './pool';
import { prepared } from './statement';

// The plans and the history only inform the rules; the subscription and the settings are locked until the transaction ends.
const FIND = prepared(
  'find_subscription',
  `
  SELECT to_jsonb(asked) AS "askedPlan", current_plan.name AS "currentPlanName",
    to_jsonb(last_premium) AS "lastPremium", settings.seat_control, subscription.*
  FROM (SELECT) AS always
  LEFT JOIN (
    SELECT id, namespace_id, hosted_plan_id, hosted_plan_name_uid, start_date, end_date, trial_starts_on,
      trial_ends_on, seats, max_seats_used, seats_in_use, seats_owed, trial, auto_renew, trial_extension_type,
      contract_overages_allowed, max_seats_used_changed_at, last_seat_refresh_at, created_at, updated_at
    FROM gitlab_subscriptions WHERE namespace_id = $1 FOR NO KEY UPDATE
  ) AS subscription ON true
  LEFT JOIN (SELECT seat_control FROM namespace_settings WHERE namespace_id = $1 FOR NO KEY UPDATE) AS settings ON true
  LEFT JOIN plans AS current_plan ON current_plan.id = subscription.hosted_plan_id
  LEFT JOIN (SELECT id::text AS id, name, plan_name_uid FROM plans) AS asked ON asked.name = $2
  LEFT JOIN LATERAL (
    SELECT history.start_date, history.end_date
    FROM gitlab_subscription_histories AS history
    JOIN plans ON plans.id = history.hosted_plan_id AND plans.name = 'premium'
    WHERE history.gitlab_subscription_id = subscription.id
    ORDER BY history.id DESC LIMIT 1
  ) AS last_premium ON true`,
);

type Found = Pick<
  SubscriptionState,
  'row' | 'askedPlan' | 'currentPlanName' | 'lastPremium' | 'seat_control'
>;

/**
 * The subscription of a namespace with what its rules need to know (contract 4.1).
 * @param planName the plan that is asked for; null when the plan is left alone
 */
export async function findSubscription(tx: Tx, namespaceId: string, planName: string | null): Promise<Found> {
  const { rows } = await tx.query<
    Omit<Found, 'row'> & { [Column in keyof SubscriptionRow]: SubscriptionRow[Column] | null }
  >(FIND(namespaceId, planName));
  const { askedPlan, currentPlanName, lastPremium, seat_control, ...row } = rows[0] as (typeof rows)[0];
  return {
    askedPlan,
    currentPlanName,
    lastPremium,
    seat_control,
    row: row.id === null ? null : (row as SubscriptionRow),
  };
}
