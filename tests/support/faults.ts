import { Client } from 'pg';

const TARGETS = {
  gitlab_subscriptions: 'namespace_id',
  namespaces: 'id',
  namespace_limits: 'namespace_id',
  subscription_add_on_purchases: 'namespace_id',
};

/** A table whose writes can be made to fail for one namespace, see `ServiceClient.fault`. */
export type FaultTarget = keyof typeof TARGETS;

/**
 * Adds triggers to a test database that raise an error of any SQLSTATE for the namespaces that `test_faults` lists:
 * failures from outside, which the service knows nothing of.
 */
export async function installFaults(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`
    CREATE TABLE test_faults (
      namespace_id bigint, target text, errcode text NOT NULL, PRIMARY KEY (namespace_id, target)
    );
    CREATE FUNCTION test_fault() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      fault test_faults;
    BEGIN
      SELECT * INTO fault FROM test_faults
      WHERE namespace_id = (to_jsonb(NEW) ->> TG_ARGV[0])::bigint AND target = TG_TABLE_NAME;
      IF FOUND THEN
        RAISE EXCEPTION 'injected' USING ERRCODE = fault.errcode;
      END IF;
      RETURN NEW;
    END $$;
    ${Object.entries(TARGETS)
      .map(
        ([table, column]) =>
          `CREATE TRIGGER test_fault BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION test_fault('${column}');`,
      )
      .join('\n')}`);
  await client.end();
}
