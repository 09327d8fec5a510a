import type { Table } from '../domain/plan';

/** What the row writer knows of GitLab's tables: the single-column primary key, and whether `updated_at` exists. */
export const TABLES: Record<Table, { primaryKey: string; hasUpdatedAt: boolean }> = {
  gitlab_subscriptions: { primaryKey: 'id', hasUpdatedAt: true },
  gitlab_subscription_histories: { primaryKey: 'id', hasUpdatedAt: false },
  namespaces: { primaryKey: 'id', hasUpdatedAt: true },
  namespace_settings: { primaryKey: 'namespace_id', hasUpdatedAt: false },
  namespace_limits: { primaryKey: 'namespace_id', hasUpdatedAt: false },
  ci_namespace_monthly_usages: { primaryKey: 'id', hasUpdatedAt: false },
  subscription_add_ons: { primaryKey: 'id', hasUpdatedAt: true },
  subscription_add_on_purchases: { primaryKey: 'id', hasUpdatedAt: true },
};
