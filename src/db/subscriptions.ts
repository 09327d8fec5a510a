import { PREMIUM } from '../domain/plans';
import type { SubscriptionRow, SubscriptionState } from '../domain/subscriptionState';
import type { GitlabSchema } from './gitlabSchema';
import { LOCKED_SETTINGS } from './namespaceSettings';
import type { Tx } from './pool';
import { RowGone } from './rows';
import { made } from './statement';

// The history only informs the rules; the subscription and the settings are locked until the transaction ends.
function find(schema: GitlabSchema, namespaceId: string, askedPlan: number | null) {
  const hasIds = schema.has('plans') && schema.has('gitlab_subscriptions', 'hosted_plan_id');
  const historyHasIds = schema.has('plans') && schema.has('gitlab_subscription_histories', 'hosted_plan_id');
  return made(
    `
    SELECT namespaces.type AS "namespaceType", pg_catalog.to_jsonb(settings) AS settings, pg_catalog.to_jsonb(last_premium) AS "lastPremium",
      ${uidOf('subscription', hasIds)} AS "planUid",
      ${hasIds ? '(SELECT id FROM plans WHERE plan_name_uid = $2)' : 'NULL::bigint'} AS "askedPlanId",
      subscription.*
    FROM namespaces
    LEFT JOIN (
      SELECT id, namespace_id, ${hasIds ? 'hosted_plan_id' : 'NULL::bigint AS hosted_plan_id'}, hosted_plan_name_uid,
        start_date, end_date, trial_starts_on, trial_ends_on, seats, max_seats_used, seats_in_use, seats_owed, trial,
        auto_renew, trial_extension_type, contract_overages_allowed, max_seats_used_changed_at, last_seat_refresh_at,
        created_at, updated_at
      FROM gitlab_subscriptions WHERE namespace_id = $1 FOR NO KEY UPDATE
    ) AS subscription ON true
    LEFT JOIN (${LOCKED_SETTINGS}) AS settings ON true
    LEFT JOIN LATERAL (
      SELECT history.start_date, history.end_date FROM gitlab_subscription_histories AS history
      WHERE history.gitlab_subscription_id = subscription.id AND ${uidOf('history', historyHasIds)} = ${PREMIUM}
      ORDER BY history.id DESC LIMIT 1
    ) AS last_premium ON true
    WHERE namespaces.id = $1`,
    hasIds ? [namespaceId, askedPlan] : [namespaceId],
  );
}

/** SQL for the number of a row's plan, also where only its id names it (contract 4.1, rule 4). */
export function uidOf(row: string, hasIds: boolean): string {
  const uid = `${row}.hosted_plan_name_uid`;
  return hasIds
    ? `coalesce(${uid}, (SELECT plan_name_uid FROM plans WHERE id = ${row}.hosted_plan_id))`
    : uid;
}

/**
 * The subscription of a namespace with what its rules need to know (contract 4.1).
 * @param askedPlan the number of the plan that is asked for; null when none is
 * @throws RowGone when the namespace was deleted meanwhile
 */
export async function findSubscription(
  tx: Tx,
  schema: GitlabSchema,
  namespaceId: string,
  askedPlan: number | null,
): Promise<Omit<SubscriptionState, 'billableMembers'>> {
  const { rows } = await tx.query<
    Pick<SubscriptionState, 'planUid' | 'askedPlanId' | 'lastPremium' | 'settings'> & {
      namespaceType: string;
    } & { [Column in keyof SubscriptionRow]: SubscriptionRow[Column] | null }
  >(find(schema, namespaceId, askedPlan));
  if (!rows[0]) throw new RowGone('namespaces', namespaceId);
  const { namespaceType, planUid, askedPlanId, lastPremium, settings, ...row } = rows[0];
  return {
    namespace: { id: namespaceId, type: namespaceType },
    planUid,
    askedPlanId,
    lastPremium,
    settings,
    row: row.id === null ? null : (row as SubscriptionRow),
  };
}
