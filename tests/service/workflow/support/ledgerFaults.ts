import type { ServiceClient } from '../../../support/client';

/**
 * Makes the ledger refuse single steps of single namespaces, which reaches what the faults of tables do not: the
 * admission, the record of the outcome, and compensations. `ServiceClient.heal` ends these, too.
 */
export async function installLedgerFaults(client: ServiceClient): Promise<void> {
  await client.db.query(`
    CREATE OR REPLACE FUNCTION test_ledger_fault() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      fault test_faults;
    BEGIN
      SELECT * INTO fault FROM test_faults WHERE namespace_id = NEW.namespace_id
        AND target = CASE TG_OP WHEN 'INSERT' THEN NEW.step ELSE 'undo ' || NEW.step END;
      IF FOUND THEN
        RAISE EXCEPTION 'injected' USING ERRCODE = fault.errcode;
      END IF;
      RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER test_ledger_fault BEFORE INSERT OR UPDATE ON provisioning.ledger
      FOR EACH ROW EXECUTE FUNCTION test_ledger_fault()`);
}

/** From now on this step of the namespace fails with the SQLSTATE. @param place a step's name, or `undo <step>` */
export async function ledgerFault(
  client: ServiceClient,
  namespaceId: string,
  place: string,
  sqlState: string,
): Promise<void> {
  await client.rows('INSERT INTO test_faults VALUES ($1, $2, $3)', [namespaceId, place, sqlState]);
}
