-- Our own copy of the tables of GitLab (as of 18.11) that provisioning reads and writes: same names, types,
-- defaults and uniqueness. For the embedded default and for tests only: in production these tables exist already
-- and belong to GitLab, and the service never migrates them.

CREATE TABLE organizations (id bigserial PRIMARY KEY, name text NOT NULL DEFAULT 'Default');

CREATE TABLE plans (
  id bigserial PRIMARY KEY,
  name varchar UNIQUE,
  title varchar,
  plan_name_uid smallint NOT NULL UNIQUE,   -- 1 default, 2 free, 3 bronze, 4 silver, 5 premium, 6 gold, 7 ultimate, 8 ultimate_trial,
  created_at timestamp NOT NULL DEFAULT now(), --  9 premium_trial, 10 ultimate_trial_paid_customer, 11 opensource, 12 early_adopter
  updated_at timestamp NOT NULL DEFAULT now()
);

CREATE TABLE namespaces (
  id bigserial PRIMARY KEY,
  name varchar NOT NULL,
  path varchar NOT NULL,
  type varchar NOT NULL DEFAULT 'User',      -- User, Group, Project
  parent_id bigint,
  organization_id bigint NOT NULL REFERENCES organizations (id),
  shared_runners_minutes_limit integer,
  extra_shared_runners_minutes_limit integer,
  last_ci_minutes_notification_at timestamptz,
  last_ci_minutes_usage_notification_level integer,
  created_at timestamp NOT NULL DEFAULT now(),
  updated_at timestamp NOT NULL DEFAULT now()
);
CREATE INDEX ON namespaces (path);

CREATE TABLE namespace_settings (
  namespace_id bigint PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  duo_nano_features_enabled boolean,          -- the API calls it duo_core_features_enabled; NULL = never chosen
  seat_control smallint NOT NULL DEFAULT 0    -- 0 off, 1 user cap, 2 block overages
);

CREATE TABLE namespace_limits (
  namespace_id bigint PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
  additional_purchased_storage_size bigint NOT NULL DEFAULT 0,   -- MiB
  additional_purchased_storage_ends_on date
);

CREATE TABLE gitlab_subscriptions (
  id bigserial PRIMARY KEY,
  namespace_id bigint NOT NULL UNIQUE REFERENCES namespaces (id) ON DELETE CASCADE,
  hosted_plan_id bigint REFERENCES plans (id) ON DELETE CASCADE,
  hosted_plan_name_uid smallint,
  start_date date,
  end_date date,
  trial_starts_on date,
  trial_ends_on date,
  seats integer DEFAULT 0,
  max_seats_used integer DEFAULT 0,
  seats_in_use integer NOT NULL DEFAULT 0,
  seats_owed integer NOT NULL DEFAULT 0,
  trial boolean DEFAULT false,
  auto_renew boolean,
  trial_extension_type smallint,
  contract_overages_allowed boolean NOT NULL DEFAULT true,
  max_seats_used_changed_at timestamptz,
  last_seat_refresh_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE gitlab_subscription_histories (
  id bigserial PRIMARY KEY,
  created_at timestamptz,
  gitlab_subscription_id bigint NOT NULL,
  gitlab_subscription_created_at timestamptz,
  gitlab_subscription_updated_at timestamptz,
  namespace_id bigint NOT NULL,
  hosted_plan_id bigint,
  hosted_plan_name_uid smallint,
  start_date date,
  end_date date,
  trial_starts_on date,
  trial_ends_on date,
  seats integer,
  max_seats_used integer,
  seats_in_use integer,
  trial boolean,
  auto_renew boolean,
  trial_extension_type smallint,
  contract_overages_allowed boolean,
  change_type smallint                          -- 1 updated
);
CREATE INDEX ON gitlab_subscription_histories (gitlab_subscription_id);

CREATE TABLE ci_namespace_monthly_usages (
  id bigserial PRIMARY KEY,
  namespace_id bigint NOT NULL,
  date date NOT NULL CHECK (date = date_trunc('month', date)),
  notification_level smallint NOT NULL DEFAULT 100,
  amount_used numeric(18,4) NOT NULL DEFAULT 0,
  UNIQUE (namespace_id, date)
);

CREATE TABLE subscription_add_ons (
  id bigserial PRIMARY KEY,
  name smallint NOT NULL UNIQUE,                -- enum, see the contract, 4.4
  description text NOT NULL CHECK (char_length(description) <= 512),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE subscription_add_on_purchases (
  id bigserial PRIMARY KEY,
  subscription_add_on_id bigint NOT NULL REFERENCES subscription_add_ons (id) ON DELETE CASCADE,
  subscription_add_on_uid smallint,             -- the add-on's enum value
  namespace_id bigint REFERENCES namespaces (id) ON DELETE CASCADE,
  organization_id bigint NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  quantity integer NOT NULL,
  started_at date NOT NULL,                     -- the API calls it started_on
  expires_on date NOT NULL,
  purchase_xid text NOT NULL CHECK (char_length(purchase_xid) <= 255),
  trial boolean NOT NULL DEFAULT false,
  last_assigned_users_refreshed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX ON subscription_add_on_purchases (subscription_add_on_id, namespace_id) WHERE namespace_id IS NOT NULL;
CREATE UNIQUE INDEX ON subscription_add_on_purchases (subscription_add_on_uid, namespace_id) NULLS NOT DISTINCT;
