import { PREMIUM } from '../domain/catalogue';
import type { NamespaceSettings } from '../domain/namespaceSettings';
import { billableMembers, type SubscriptionRow, type SubscriptionState } from '../domain/subscriptionRules';
import type { GitlabSchema } from './gitlabSchema';
import { LOCKED_SETTINGS } from './namespaceSettings';
import { composed, inOrderOf, mapped, type Statement } from './statement';

// The history only informs the rules; the subscription and the settings are locked until the transaction ends.
function textFor(schema: GitlabSchema): string {
  const hasIds = schema.has('plans') && schema.has('gitlab_subscriptions', 'hosted_plan_id');
  const historyHasIds = schema.has('plans') && schema.has('gitlab_subscription_histories', 'hosted_plan_id');
  return `
    SELECT namespaces.id AS "namespaceId", namespaces.type AS "namespaceType",
      pg_catalog.to_jsonb(settings) AS settings, pg_catalog.to_jsonb(last_premium) AS "lastPremium",
      ${uidOf('subscription', hasIds)} AS "planUid",
      ${hasIds ? `(SELECT pg_catalog.jsonb_object_agg(plan_name_uid, id::text) FROM plans WHERE plan_name_uid IS NOT NULL)` : 'NULL::jsonb'} AS "planIds",
      subscription.*
    FROM namespaces
    LEFT JOIN LATERAL (
      SELECT id, namespace_id, ${hasIds ? 'hosted_plan_id' : 'NULL::bigint AS hosted_plan_id'}, hosted_plan_name_uid,
        start_date, end_date, trial_starts_on, trial_ends_on, seats, max_seats_used, seats_in_use, seats_owed, trial,
        auto_renew, trial_extension_type, contract_overages_allowed, max_seats_used_changed_at, last_seat_refresh_at,
        created_at, updated_at
      FROM gitlab_subscriptions WHERE namespace_id = namespaces.id FOR NO KEY UPDATE
    ) AS subscription ON true
    LEFT JOIN LATERAL (${LOCKED_SETTINGS}) AS settings ON true
    LEFT JOIN LATERAL (
      SELECT history.start_date, history.end_date FROM gitlab_subscription_histories AS history
      WHERE history.gitlab_subscription_id = subscription.id AND ${uidOf('history', historyHasIds)} = ${PREMIUM}
      ORDER BY history.id DESC LIMIT 1
    ) AS last_premium ON true
    WHERE namespaces.id = ANY ($1::bigint[]) ORDER BY namespaces.id`;
}

/** SQL for the number of a row's plan, also where only its id names it (contract 4.1, rule 4). */
export function uidOf(row: string, hasIds: boolean): string {
  const uid = `${row}.hosted_plan_name_uid`;
  return hasIds
    ? `coalesce(${uid}, (SELECT plan_name_uid FROM plans WHERE id = ${row}.hosted_plan_id))`
    : uid;
}

type Row = {
  namespaceId: string;
  namespaceType: string;
  planUid: number | null;
  planIds: Record<string, string> | null;
  lastPremium: SubscriptionState['lastPremium'];
  settings: NamespaceSettings | null;
} & { [Column in keyof SubscriptionRow]: SubscriptionRow[Column] | null };

function stateOf({ namespaceId, namespaceType, planIds, planUid, lastPremium, settings, ...columns }: Row) {
  const row = columns.id === null ? null : (columns as SubscriptionRow);
  return {
    namespace: { id: namespaceId, type: namespaceType },
    ...{ planUid, lastPremium, settings, row },
    planIds: numbered(planIds ?? {}),
    billableMembers: row ? billableMembers(row) : 0,
  } satisfies SubscriptionState;
}

/** Ids by number, out of an object of JSON. */
export function numbered(ids: Record<string, string>): Map<number, string> {
  return new Map(Object.entries(ids).map(([uid, id]) => [Number(uid), id]));
}

/**
 * The subscriptions of namespaces with what their rules need to know (contract 4.1).
 * @returns in the order of the namespaces; undefined for one that does not exist
 */
export function findSubscriptions(
  schema: GitlabSchema,
  namespaceIds: readonly string[],
): Statement<(SubscriptionState | undefined)[]> {
  const find = composed(textFor(schema), [namespaceIds], (rows: Row[]) => rows.map(stateOf));
  return mapped(find, (states) => inOrderOf(namespaceIds, states, (state) => state.namespace.id));
}
