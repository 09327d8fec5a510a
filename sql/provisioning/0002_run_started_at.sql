-- Up Migration

ALTER TABLE provisioning.ledger ADD COLUMN run_started_at timestamptz; -- when the run began, for its duration

-- Down Migration

ALTER TABLE provisioning.ledger DROP COLUMN run_started_at;
