-- What the service may do in GitLab's database: the columns that it reads and writes, and nothing else.
-- Run it as the owner of the tables after every `provisioner migrate`; running it again changes nothing.
-- The roles cannot log in. Make a login of your own for each process, and put it into one of them:
--   CREATE ROLE provisioner_worker_1 LOGIN PASSWORD '…' IN ROLE provisioner_worker;

-- PostgreSQL 14 and older let everybody create functions in there, which statements of others might then call.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['provisioner_reader', 'provisioner_auditor', 'provisioner_worker', 'provisioner_pruner',
      'provisioner_relay'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
  END LOOP;
END $$;

-- The API, and people who look into the ledger: they read.
GRANT USAGE ON SCHEMA provisioning TO provisioner_reader;
GRANT SELECT ON provisioning.migrations, provisioning.fences, provisioning.ledger, provisioning.outbox
  TO provisioner_reader;
GRANT SELECT (id, type, path, parent_id, organization_id) ON namespaces TO provisioner_reader;

-- An API that serves the audit pages, which show what a namespace has now.
GRANT provisioner_reader TO provisioner_auditor;
GRANT SELECT (name, shared_runners_minutes_limit, extra_shared_runners_minutes_limit) ON namespaces TO provisioner_auditor;
GRANT SELECT (namespace_id, hosted_plan_name_uid, seats, seats_in_use, max_seats_used, start_date, end_date, trial,
    trial_starts_on, trial_ends_on, auto_renew, contract_overages_allowed)
  ON gitlab_subscriptions TO provisioner_auditor;
GRANT SELECT (namespace_id, additional_purchased_storage_size, additional_purchased_storage_ends_on)
  ON namespace_limits TO provisioner_auditor;
GRANT SELECT (namespace_id, subscription_add_on_uid, quantity, started_at, expires_on, purchase_xid, trial)
  ON subscription_add_on_purchases TO provisioner_auditor;

GRANT SELECT ON provisioning.outbox_deliveries TO provisioner_auditor;

-- The relay, and people who retry or discard events of the outbox: it sees of a run whose it is, and nothing of GitLab's.
GRANT USAGE ON SCHEMA provisioning TO provisioner_relay;
GRANT SELECT ON provisioning.migrations TO provisioner_relay;
GRANT SELECT (id, run_id, workflow_id, sync_id, correlation_id) ON provisioning.ledger TO provisioner_relay;
GRANT SELECT, UPDATE (attempts, relayed_at, delivered_at) ON provisioning.outbox TO provisioner_relay;
GRANT SELECT, DELETE,
  INSERT (outbox_id, sink, namespace_id, next_at),
  UPDATE (attempts, next_at, delivered_at, error, set_aside_at)
  ON provisioning.outbox_deliveries TO provisioner_relay;

-- The worker, also together with an API in one process: it reads the same, and writes.
GRANT provisioner_reader TO provisioner_worker;

GRANT INSERT, UPDATE ON provisioning.fences TO provisioner_worker;
GRANT INSERT, UPDATE (undone_at, undo_result) ON provisioning.ledger TO provisioner_worker;
GRANT INSERT, UPDATE (released_at), DELETE ON provisioning.outbox TO provisioner_worker;
GRANT SELECT, INSERT, UPDATE (attempts, error, next_attempt_at), DELETE ON provisioning.ci_resets TO provisioner_worker;

-- `provisioner prune`: it alone deletes from the ledger.
GRANT USAGE ON SCHEMA provisioning TO provisioner_pruner;
GRANT SELECT (namespace_id, sync_id, run_id) ON provisioning.fences TO provisioner_pruner;
GRANT SELECT (id, namespace_id, sync_id, workflow_id, run_id, step, created_at, undone_at), DELETE
  ON provisioning.ledger TO provisioner_pruner;
GRANT SELECT (id, created_at, released_at), DELETE ON provisioning.outbox TO provisioner_pruner;
GRANT SELECT (outbox_id, delivered_at) ON provisioning.outbox_deliveries TO provisioner_pruner;

GRANT SELECT (shared_runners_minutes_limit, extra_shared_runners_minutes_limit, last_ci_minutes_notification_at,
    last_ci_minutes_usage_notification_level, updated_at),
  UPDATE (shared_runners_minutes_limit, extra_shared_runners_minutes_limit, last_ci_minutes_notification_at,
    last_ci_minutes_usage_notification_level, updated_at)
  ON namespaces TO provisioner_worker;

GRANT SELECT (namespace_id, duo_nano_features_enabled, seat_control, new_user_signups_cap,
    prevent_sharing_groups_outside_hierarchy, updated_at),
  UPDATE (duo_nano_features_enabled, seat_control, new_user_signups_cap, prevent_sharing_groups_outside_hierarchy,
    updated_at)
  ON namespace_settings TO provisioner_worker;

-- Where GitLab's CI tables are in a database of their own, this is granted there, and nothing else is.
GRANT SELECT (id, namespace_id, date, notification_level), UPDATE (notification_level)
  ON ci_namespace_monthly_usages TO provisioner_worker;

-- Rows that are inserted are recorded whole, and deleted by a compensation, which locks them before: hence SELECT of
-- all columns, DELETE, and UPDATE of a column also where no row is ever updated.
GRANT SELECT, DELETE,
  INSERT (namespace_id, additional_purchased_storage_size, additional_purchased_storage_ends_on),
  UPDATE (additional_purchased_storage_size, additional_purchased_storage_ends_on)
  ON namespace_limits TO provisioner_worker;

GRANT SELECT, DELETE,
  INSERT (namespace_id, hosted_plan_name_uid, start_date, end_date, trial_starts_on, trial_ends_on, seats,
    max_seats_used, trial, auto_renew, contract_overages_allowed, created_at, updated_at),
  UPDATE (hosted_plan_name_uid, start_date, end_date, trial_starts_on, trial_ends_on, seats, max_seats_used,
    max_seats_used_changed_at, seats_owed, last_seat_refresh_at, trial, auto_renew,
    contract_overages_allowed, updated_at)
  ON gitlab_subscriptions TO provisioner_worker;

GRANT SELECT, DELETE,
  INSERT (created_at, gitlab_subscription_id, gitlab_subscription_created_at, gitlab_subscription_updated_at,
    namespace_id, hosted_plan_name_uid, start_date, end_date, trial_starts_on, trial_ends_on, seats, max_seats_used,
    seats_in_use, trial, auto_renew, trial_extension_type, contract_overages_allowed, change_type),
  UPDATE (change_type)
  ON gitlab_subscription_histories TO provisioner_worker;

GRANT SELECT, DELETE,
  INSERT (subscription_add_on_uid, namespace_id, organization_id, quantity, started_at, expires_on, purchase_xid,
    trial, created_at, updated_at),
  UPDATE (subscription_add_on_uid, quantity, started_at, expires_on, purchase_xid, trial, updated_at)
  ON subscription_add_on_purchases TO provisioner_worker;

GRANT USAGE ON SEQUENCE gitlab_subscriptions_id_seq, gitlab_subscription_histories_id_seq,
  subscription_add_on_purchases_id_seq TO provisioner_worker;

-- What GitLab is about to remove is only granted while it is there.
DO $$
BEGIN
  IF to_regclass('public.plans') IS NOT NULL THEN
    GRANT SELECT (id, name, plan_name_uid) ON plans TO provisioner_worker;
    GRANT SELECT (id, plan_name_uid) ON plans TO provisioner_auditor;
  END IF;
  IF to_regclass('public.subscription_add_ons') IS NOT NULL THEN
    GRANT SELECT, DELETE, INSERT (name, description, created_at, updated_at), UPDATE (updated_at)
      ON subscription_add_ons TO provisioner_worker;
    GRANT USAGE ON SEQUENCE subscription_add_ons_id_seq TO provisioner_worker;
  END IF;
  IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.gitlab_subscriptions'::regclass
      AND attname = 'hosted_plan_id' AND NOT attisdropped) THEN
    GRANT INSERT (hosted_plan_id), UPDATE (hosted_plan_id) ON gitlab_subscriptions TO provisioner_worker;
    GRANT SELECT (hosted_plan_id) ON gitlab_subscriptions TO provisioner_auditor;
  END IF;
  IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.gitlab_subscription_histories'::regclass
      AND attname = 'hosted_plan_id' AND NOT attisdropped) THEN
    GRANT INSERT (hosted_plan_id) ON gitlab_subscription_histories TO provisioner_worker;
  END IF;
  IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.subscription_add_on_purchases'::regclass
      AND attname = 'subscription_add_on_id' AND NOT attisdropped) THEN
    GRANT INSERT (subscription_add_on_id), UPDATE (subscription_add_on_id)
      ON subscription_add_on_purchases TO provisioner_worker;
  END IF;
END $$;
