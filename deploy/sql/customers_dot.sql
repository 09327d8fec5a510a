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
GRANT SELECT, INSERT, UPDATE (updated_at) ON gitlab_namespaces_syncs TO provisioner_customers_dot;
GRANT SELECT, INSERT, UPDATE ON gitlab_namespaces_sync_attempts TO provisioner_customers_dot;

-- The queue is graphile-worker's own; its tables have row level security, which lets only their owner in.
GRANT USAGE ON SCHEMA graphile_worker TO provisioner_customers_dot;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA graphile_worker TO provisioner_customers_dot;
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
