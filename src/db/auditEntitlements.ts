import type { Tx } from './pool';

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
    /** The stored enum. */
    add_on: number;
    quantity: number;
    started_at: string;
    expires_on: string;
    purchase_xid: string;
    trial: boolean;
    is_expired: boolean;
  }[];
}

/** Names a namespace; null when it does not exist (any more). */
export async function findAuditedNamespace(tx: Tx, id: string): Promise<AuditedNamespace | null> {
  const { rows } = await tx.query<AuditedNamespace>(
    'SELECT id, name, path, type, parent_id FROM namespaces WHERE id = $1',
    [id],
  );
  return rows[0] ?? null;
}

const SUBSCRIPTION = `
  SELECT plans.name AS plan, seats, seats_in_use, max_seats_used, start_date, end_date, trial, trial_starts_on,
    trial_ends_on, auto_renew, contract_overages_allowed
  FROM gitlab_subscriptions LEFT JOIN plans ON plans.id = hosted_plan_id WHERE namespace_id = $1`;

const LIMITS = `
  SELECT additional_purchased_storage_size, additional_purchased_storage_ends_on,
    shared_runners_minutes_limit, extra_shared_runners_minutes_limit
  FROM namespaces LEFT JOIN namespace_limits ON namespace_limits.namespace_id = namespaces.id
  WHERE namespaces.id = $1`;

const ADD_ONS = `
  SELECT add_on.name AS add_on, quantity, started_at, expires_on, purchase_xid, trial,
    expires_on < current_date AS is_expired
  FROM subscription_add_on_purchases
  JOIN subscription_add_ons AS add_on ON add_on.id = subscription_add_on_id
  WHERE namespace_id = $1 ORDER BY add_on.name LIMIT 100`;

/** What a namespace that exists is entitled to at the time of the snapshot. */
export async function findEntitlements(tx: Tx, id: string): Promise<Entitlements> {
  const { rows: subscriptions } = await tx.query<NonNullable<Entitlements['subscription']>>(SUBSCRIPTION, [
    id,
  ]);
  const { rows: limits } = await tx.query<Entitlements['limits']>(LIMITS, [id]);
  const { rows: addOnPurchases } = await tx.query<Entitlements['addOnPurchases'][number]>(ADD_ONS, [id]);
  return {
    subscription: subscriptions[0] ?? null,
    limits: limits[0] as Entitlements['limits'],
    addOnPurchases,
  };
}
