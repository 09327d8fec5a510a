-- What CustomersDot's side may do in CustomersDot's database. Run it as the owner of the tables after every
-- `provisioner migrate`; running it again changes nothing. The roles cannot log in: put logins of your own into them.

-- PostgreSQL 14 and older let everybody create functions in there, which statements of others might then call.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['provisioner_customers_dot', 'provisioner_customers_dot_pruner'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
  END LOOP;
END $$;

GRANT SELECT ON gitlab_namespaces_sync_migrations TO provisioner_customers_dot;
GRANT SELECT, INSERT (created_at, updated_at, namespace_id, attrs_sha256, attrs), UPDATE (updated_at)
  ON gitlab_namespaces_syncs TO provisioner_customers_dot;
GRANT SELECT,
  INSERT (namespaces_sync_id, namespace_id, created_at, updated_at, state, try, correlation_id, worker_id),
  UPDATE (state, http_status, response, error, duration_ms, workflow_id, run_id, retry_at, updated_at)
  ON gitlab_namespaces_sync_attempts TO provisioner_customers_dot;

-- The queue is graphile-worker's own: jobs come and go, tasks and queues are only added. Its tables have row level
-- security, which lets only their owner in.
GRANT USAGE ON SCHEMA graphile_worker TO provisioner_customers_dot;
GRANT SELECT ON graphile_worker.migrations, graphile_worker.jobs, graphile_worker._private_known_crontabs
  TO provisioner_customers_dot;
GRANT SELECT, INSERT, UPDATE, DELETE ON graphile_worker._private_jobs TO provisioner_customers_dot;
GRANT SELECT, INSERT, UPDATE ON graphile_worker._private_job_queues TO provisioner_customers_dot;
GRANT SELECT, INSERT ON graphile_worker._private_tasks TO provisioner_customers_dot;
DO $$
DECLARE
  queue_table regclass;
BEGIN
  FOR queue_table IN
    SELECT oid FROM pg_class WHERE relnamespace = 'graphile_worker'::regnamespace AND relrowsecurity
  LOOP
    EXECUTE format('DROP POLICY IF EXISTS provisioner ON %s', queue_table);
    EXECUTE format('CREATE POLICY provisioner ON %s TO provisioner_customers_dot USING (true)', queue_table);
  END LOOP;
END $$;

-- `provisioner prune`: it alone deletes syncs and attempts.
GRANT USAGE ON SCHEMA graphile_worker TO provisioner_customers_dot_pruner;
GRANT SELECT (key) ON graphile_worker.jobs TO provisioner_customers_dot_pruner;
GRANT SELECT (id, created_at, updated_at, namespace_id), DELETE ON gitlab_namespaces_syncs
  TO provisioner_customers_dot_pruner;
GRANT SELECT (id, created_at, namespaces_sync_id, namespace_id, state), DELETE ON gitlab_namespaces_sync_attempts
  TO provisioner_customers_dot_pruner;
