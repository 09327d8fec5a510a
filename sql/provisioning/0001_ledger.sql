-- Up Migration

-- One row per namespace that was ever provisioned: the lock of its steps and the newest sync admitted (contract 5).
CREATE TABLE provisioning.fences (
  namespace_id bigint PRIMARY KEY,
  sync_id bigint,                       -- the highest sync_id admitted; NULL while none was sent
  workflow_id text NOT NULL,
  run_id text NOT NULL,                 -- the run admitted last
  chain_id text NOT NULL,               -- its first run: the same before and after a reset
  updated_at timestamptz NOT NULL
);

-- One row per step that took effect in a run, committed together with the step's writes.
CREATE TABLE provisioning.ledger (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace_id bigint NOT NULL,
  sync_id bigint,
  workflow_id text NOT NULL,
  run_id text NOT NULL,
  step text NOT NULL,
  attempt integer NOT NULL,
  correlation_id text,
  before jsonb NOT NULL,                -- [{section, table, key, values}], values NULL: the row did not exist
  after jsonb NOT NULL,                 -- the same rows as this step left them
  result jsonb NOT NULL,                -- what the step answered
  outbox_ids bigint[] NOT NULL,
  created_at timestamptz NOT NULL,
  undone_at timestamptz,                -- when its compensation ran
  undo_result jsonb,
  UNIQUE (run_id, workflow_id, step)
);
CREATE INDEX ON provisioning.ledger (namespace_id, id);

-- Follow-up work for GitLab (contract 4.6). Consumers take rows with released_at set.
CREATE TABLE provisioning.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace_id bigint NOT NULL,
  event text NOT NULL,
  payload jsonb NOT NULL,
  workflow_id text NOT NULL,
  run_id text NOT NULL,
  created_at timestamptz NOT NULL,
  released_at timestamptz
);
CREATE INDEX ON provisioning.outbox (run_id) WHERE released_at IS NULL;

-- Down Migration

DROP TABLE provisioning.outbox;
DROP TABLE provisioning.ledger;
DROP TABLE provisioning.fences;
