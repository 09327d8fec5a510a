-- Up Migration

-- How far follow-up work has got (docs/relay.md). None of this rewrites or reads the rows that are there.
ALTER TABLE provisioning.outbox
  ADD COLUMN attempts integer NOT NULL DEFAULT 0, -- tries, of the sink that took the most
  ADD COLUMN relayed_at timestamptz,              -- when a relay took it up and made its deliveries
  ADD COLUMN delivered_at timestamptz;            -- when the last sink had it

-- One row per event and sink. Of those of a namespace that a sink still has to get, the first one has `next_at`.
CREATE TABLE provisioning.outbox_deliveries (
  outbox_id bigint NOT NULL REFERENCES provisioning.outbox ON DELETE CASCADE,
  sink text NOT NULL,
  namespace_id bigint NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  next_at timestamptz,                  -- when it is due; NULL: it is done, or another of its namespace goes first
  delivered_at timestamptz,
  error text,                           -- why the last try failed
  set_aside_at timestamptz,             -- when it was given up, until a person retries or discards it
  PRIMARY KEY (outbox_id, sink)
);
CREATE INDEX outbox_deliveries_due ON provisioning.outbox_deliveries (sink, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX outbox_deliveries_open ON provisioning.outbox_deliveries (sink, namespace_id, outbox_id)
  WHERE delivered_at IS NULL AND set_aside_at IS NULL;
CREATE INDEX outbox_deliveries_set_aside ON provisioning.outbox_deliveries (sink, outbox_id)
  WHERE set_aside_at IS NOT NULL;

-- Down Migration

DROP TABLE provisioning.outbox_deliveries;
ALTER TABLE provisioning.outbox DROP COLUMN attempts, DROP COLUMN relayed_at, DROP COLUMN delivered_at;
