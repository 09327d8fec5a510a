import type { ServiceClient } from '../../../support/client';

/**
 * Triggers that refuse writes about single namespaces, so that a database says no where a test wants it.
 * Places: a table's name, `<table> at commit` (deferred), `ledger <step>` (after the step's writes).
 */
export class Faults {
  private constructor(private readonly client: ServiceClient) {}

  static async install(client: ServiceClient): Promise<Faults> {
    await client.db.query(SETUP);
    for (const [table, column] of Object.entries(TABLES)) {
      await client.db.query(
        `CREATE TRIGGER fault AFTER INSERT OR UPDATE ON ${table}
           FOR EACH ROW EXECUTE FUNCTION faults.strike('${table}', '${column}');
         CREATE CONSTRAINT TRIGGER fault_at_commit AFTER INSERT OR UPDATE ON ${table}
           DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION faults.strike('${table} at commit', '${column}')`,
      );
    }
    return new Faults(client);
  }

  /** Writes about the namespace fail here with this SQLSTATE, for ever or some times. */
  async set(
    namespaceId: string,
    place: string,
    sqlState: string,
    times: number | null = null,
  ): Promise<void> {
    await this.client.db.query(`CREATE SEQUENCE IF NOT EXISTS faults.hits_${namespaceId}`);
    await this.client.db.query(
      `INSERT INTO faults.active VALUES ($1, $2, $3, $4)
       ON CONFLICT (namespace_id, place) DO UPDATE SET sql_state = excluded.sql_state, times = excluded.times`,
      [namespaceId, place, sqlState, times],
    );
  }

  async clear(namespaceId: string): Promise<void> {
    await this.client.db.query('DELETE FROM faults.active WHERE namespace_id = $1', [namespaceId]);
  }

  /** How often a write about the namespace has come to its fault. */
  async hits(namespaceId: string): Promise<number> {
    const [row] = await this.client.rows<{ last_value: string; is_called: boolean }>(
      `SELECT last_value, is_called FROM faults.hits_${namespaceId}`,
    );
    return row?.is_called === true ? Number(row.last_value) : 0;
  }
}

const TABLES = {
  gitlab_subscriptions: 'namespace_id',
  gitlab_subscription_histories: 'namespace_id',
  namespace_settings: 'namespace_id',
  namespace_limits: 'namespace_id',
  namespaces: 'id',
  ci_namespace_monthly_usages: 'namespace_id',
  subscription_add_on_purchases: 'namespace_id',
  'provisioning.ledger': 'namespace_id',
};

// The hits are counted by a sequence, as nothing else outlives the transaction that the fault ends.
const SETUP = `
  CREATE SCHEMA faults;
  CREATE TABLE faults.active (
    namespace_id bigint, place text, sql_state text NOT NULL, times integer, PRIMARY KEY (namespace_id, place)
  );
  CREATE FUNCTION faults.strike() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    written jsonb := to_jsonb(NEW);
    fault faults.active;
  BEGIN
    SELECT * INTO fault FROM faults.active
    WHERE namespace_id = (written->>TG_ARGV[1])::bigint
      AND place = CASE TG_TABLE_NAME WHEN 'ledger' THEN 'ledger ' || (written->>'step') ELSE TG_ARGV[0] END;
    -- The undoing of a step that has not taken effect leaves a row without a result.
    IF TG_TABLE_NAME = 'ledger' AND written->'result' = 'null' THEN RETURN NULL; END IF;
    IF FOUND AND (nextval('faults.hits_' || fault.namespace_id) <= fault.times OR fault.times IS NULL) THEN
      RAISE EXCEPTION USING ERRCODE = fault.sql_state, MESSAGE = 'refused by a test';
    END IF;
    RETURN NULL;
  END $$`;
