-- Up Migration

-- The newest syncs that did not succeed, for the audit pages: they may be rare among many that did.
CREATE INDEX ledger_failures ON provisioning.ledger (id)
  WHERE step = 'recordOutcome' AND result ->> 'status' IN ('error', 'failed', 'cancelled');

-- Down Migration

DROP INDEX provisioning.ledger_failures;
