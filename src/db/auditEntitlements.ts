import { planName } from '../domain/catalogue';
import type { GitlabSchema } from './gitlabSchema';
import { composed, type Statement } from './statement';
import { uidOf } from './subscriptions';

/** A namespace as the audit pages name it. */
export interface AuditedNamespace {
  id: string;
  name: string;
  path: string;
  type: string;
  parent_id: string | null;
}

/** What a namespace has now, in GitLab's columns; null where there is no row. */
export interface Entitlements {
  subscription: {
    /** Its name, or its number where the name is not known. */
    plan: string | null;
    seats: number | null;
    seats_in_use: number;
    max_seats_used: number | null;
    start_date: string | null;
    end_date: string | null;
    trial: boolean | null;
    trial_starts_on: string | null;
    trial_ends_on: string | null;
    auto_renew: boolean | null;
    contract_overages_allowed: boolean;
  } | null;
  limits: {
    /** MiB. */
    additional_purchased_storage_size: string | null;
    additional_purchased_storage_ends_on: string | null;
    shared_runners_minutes_limit: number | null;
    extra_shared_runners_minutes_limit: number | null;
  };
  addOnPurchases: {
    subscription_add_on_uid: number;
    quantity: number;
    started_at: string;
    expires_on: string;
    purchase_xid: string;
    trial: boolean;
    is_expired: boolean;
  }[];
}

/** Names a namespace; null when it does not exist (any more). */
export function findAuditedNamespace(id: string): Statement<AuditedNamespace | null> {
  return composed(
    'SELECT id, name, path, type, parent_id FROM namespaces WHERE id = $1',
    [id],
    ([row]: AuditedNamespace[]) => row ?? null,
  );
}

const subscriptionText = (schema: GitlabSchema) => `
  SELECT ${uidOf('subscription', schema.has('plans') && schema.has('gitlab_subscriptions', 'hosted_plan_id'))} AS "planUid",
    seats, seats_in_use, max_seats_used, start_date, end_date, trial, trial_starts_on, trial_ends_on, auto_renew,
    contract_overages_allowed
  FROM gitlab_subscriptions AS subscription WHERE namespace_id = $1`;

const LIMITS = `
  SELECT additional_purchased_storage_size, additional_purchased_storage_ends_on,
    shared_runners_minutes_limit, extra_shared_runners_minutes_limit
  FROM namespaces LEFT JOIN namespace_limits ON namespace_limits.namespace_id = namespaces.id
  WHERE namespaces.id = $1`;

const ADD_ONS = `
  SELECT subscription_add_on_uid, quantity, started_at, expires_on, purchase_xid, trial,
    expires_on < current_date AS is_expired
  FROM subscription_add_on_purchases
  WHERE namespace_id = $1 ORDER BY subscription_add_on_uid LIMIT 100`;

type SubscriptionRow = Omit<NonNullable<Entitlements['subscription']>, 'plan'> & { planUid: number | null };

/** What a namespace is entitled to; null where it does not exist. */
export function findEntitlements(
  schema: GitlabSchema,
  id: string,
): [
  Statement<Entitlements['subscription']>,
  Statement<Entitlements['limits'] | null>,
  Statement<Entitlements['addOnPurchases']>,
] {
  return [
    composed(subscriptionText(schema), [id], ([row]: SubscriptionRow[]) =>
      row ? { ...row, plan: shownPlan(row.planUid) } : null,
    ),
    composed(LIMITS, [id], ([row]: Entitlements['limits'][]) => row ?? null),
    composed(ADD_ONS, [id], (rows: Entitlements['addOnPurchases']) => rows),
  ];
}

function shownPlan(uid: number | null): string | null {
  return uid === null ? null : (planName(uid) ?? `plan ${uid}`);
}
