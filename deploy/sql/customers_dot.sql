-- What CustomersDot's side may do in CustomersDot's database. Run it as the owner of the tables after every
-- `provisioner migrate`; running it again changes nothing. The role cannot log in: put a login of your own into it.

-- PostgreSQL 14 and older let everybody create functions in there, which statements of others might then call.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'provisioner_customers_dot') THEN
    CREATE ROLE provisioner_customers_dot NOLOGIN;
  END IF;
END $$;

GRANT SELECT ON gitlab_namespaces_sync_migrations TO provisioner_customers_dot;
GRANT SELECT, INSERT (created_at, updated_at, namespace_id, attrs_sha256, attrs), UPDATE (updated_at)
  ON gitlab_namespaces_syncs TO provisioner_customers_dot;
GRANT SELECT,
  INSERT (namespaces_sync_id, namespace_id, created_at, updated_at, state, try, correlation_id, worker_id),
  UPDATE (state, http_status, response, error, duration_ms, workflow_id, run_id, run_url, retry_at, updated_at)
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
