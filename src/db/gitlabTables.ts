import type { Table } from '../domain/plan';

/** What the service needs of one of GitLab's tables (contract 7), beside the right to read each column in `columns`. */
export interface TableNeeds {
  primaryKey: string;
  /** The columns that are read, with their types as PostgreSQL prints them. */
  columns: Readonly<Record<string, string>>;
  /** Columns set by inserts; absent: rows are never inserted, nor deleted by a compensation. */
  inserts?: readonly string[];
  updates?: readonly string[];
  /** GitLab has announced to remove these columns, or the whole table: they are only written along. */
  optional?: readonly string[] | 'table';
}

const TIMESTAMPS = { created_at: 'timestamp with time zone', updated_at: 'timestamp with time zone' };
const STAMPS = ['created_at', 'updated_at'];

const HISTORY_COLUMNS = {
  namespace_id: 'bigint',
  hosted_plan_id: 'bigint',
  hosted_plan_name_uid: 'smallint',
  start_date: 'date',
  end_date: 'date',
  trial_starts_on: 'date',
  trial_ends_on: 'date',
  seats: 'integer',
  max_seats_used: 'integer',
  seats_in_use: 'integer',
  trial: 'boolean',
  auto_renew: 'boolean',
  trial_extension_type: 'smallint',
  contract_overages_allowed: 'boolean',
};

const SUBSCRIPTION_SENT = [
  'hosted_plan_id',
  'hosted_plan_name_uid',
  'start_date',
  'end_date',
  'trial_starts_on',
  'trial_ends_on',
  'seats',
  'max_seats_used',
  'trial',
  'auto_renew',
  'contract_overages_allowed',
];

const PURCHASE_SENT = [
  'subscription_add_on_id',
  'subscription_add_on_uid',
  'quantity',
  'started_at',
  'expires_on',
  'purchase_xid',
  'trial',
];

/** GitLab's tables as the worker uses them. */
export const GITLAB_TABLES: Readonly<Record<Table | 'plans', TableNeeds>> = {
  namespaces: {
    primaryKey: 'id',
    columns: {
      id: 'bigint',
      type: 'character varying',
      path: 'character varying',
      parent_id: 'bigint',
      organization_id: 'bigint',
      shared_runners_minutes_limit: 'integer',
      extra_shared_runners_minutes_limit: 'integer',
      last_ci_minutes_notification_at: 'timestamp with time zone',
      last_ci_minutes_usage_notification_level: 'integer',
      updated_at: 'timestamp without time zone',
    },
    updates: [
      'shared_runners_minutes_limit',
      'extra_shared_runners_minutes_limit',
      'last_ci_minutes_notification_at',
      'last_ci_minutes_usage_notification_level',
      'updated_at',
    ],
  },
  namespace_settings: {
    primaryKey: 'namespace_id',
    columns: {
      namespace_id: 'bigint',
      seat_control: 'smallint',
      new_user_signups_cap: 'integer',
      prevent_sharing_groups_outside_hierarchy: 'boolean',
      duo_nano_features_enabled: 'boolean',
      updated_at: 'timestamp with time zone',
    },
    updates: [
      'seat_control',
      'new_user_signups_cap',
      'prevent_sharing_groups_outside_hierarchy',
      'duo_nano_features_enabled',
      'updated_at',
    ],
  },
  namespace_limits: {
    primaryKey: 'namespace_id',
    columns: {
      namespace_id: 'bigint',
      additional_purchased_storage_size: 'bigint',
      additional_purchased_storage_ends_on: 'date',
    },
    inserts: ['namespace_id', 'additional_purchased_storage_size', 'additional_purchased_storage_ends_on'],
    updates: ['additional_purchased_storage_size', 'additional_purchased_storage_ends_on'],
  },
  gitlab_subscriptions: {
    primaryKey: 'id',
    columns: {
      id: 'bigint',
      ...HISTORY_COLUMNS,
      seats_owed: 'integer',
      max_seats_used_changed_at: 'timestamp with time zone',
      last_seat_refresh_at: 'timestamp with time zone',
      ...TIMESTAMPS,
    },
    inserts: ['namespace_id', ...SUBSCRIPTION_SENT, ...STAMPS],
    updates: [
      ...SUBSCRIPTION_SENT,
      'seats_owed',
      'max_seats_used_changed_at',
      'last_seat_refresh_at',
      'updated_at',
    ],
    optional: ['hosted_plan_id'],
  },
  gitlab_subscription_histories: {
    primaryKey: 'id',
    columns: {
      id: 'bigint',
      created_at: 'timestamp with time zone',
      gitlab_subscription_id: 'bigint',
      gitlab_subscription_created_at: 'timestamp with time zone',
      gitlab_subscription_updated_at: 'timestamp with time zone',
      change_type: 'smallint',
      ...HISTORY_COLUMNS,
    },
    inserts: [
      'created_at',
      'gitlab_subscription_id',
      'gitlab_subscription_created_at',
      'gitlab_subscription_updated_at',
      'change_type',
      ...Object.keys(HISTORY_COLUMNS),
    ],
    optional: ['hosted_plan_id'],
  },
  ci_namespace_monthly_usages: {
    primaryKey: 'id',
    columns: { id: 'bigint', namespace_id: 'bigint', date: 'date', notification_level: 'smallint' },
    updates: ['notification_level'],
  },
  subscription_add_on_purchases: {
    primaryKey: 'id',
    columns: {
      id: 'bigint',
      namespace_id: 'bigint',
      organization_id: 'bigint',
      subscription_add_on_id: 'bigint',
      subscription_add_on_uid: 'smallint',
      quantity: 'integer',
      started_at: 'date',
      expires_on: 'date',
      purchase_xid: 'text',
      trial: 'boolean',
      ...TIMESTAMPS,
    },
    inserts: ['namespace_id', 'organization_id', ...PURCHASE_SENT, ...STAMPS],
    updates: [...PURCHASE_SENT, 'updated_at'],
    optional: ['subscription_add_on_id'],
  },
  subscription_add_ons: {
    primaryKey: 'id',
    columns: { id: 'bigint', name: 'smallint', description: 'text', ...TIMESTAMPS },
    inserts: ['name', 'description', ...STAMPS],
    optional: 'table',
  },
  plans: {
    primaryKey: 'id',
    columns: { id: 'bigint', name: 'character varying', plan_name_uid: 'smallint' },
    optional: 'table',
  },
};
