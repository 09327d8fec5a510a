-- Up Migration

-- Everything that one namespace is entitled to, a row for each time that it changed (contract 6).
CREATE TABLE gitlab_namespaces_syncs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,   -- the sync_id of requests: grows with every new sync
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,      -- when it was last asked to be sent
  namespace_id bigint NOT NULL,
  attrs_sha256 text NOT NULL CHECK (attrs_sha256 ~ '^[0-9a-f]{64}$'),   -- of the canonical JSON
  attrs jsonb NOT NULL                  -- the value of provision
);
CREATE INDEX ON gitlab_namespaces_syncs (namespace_id, id);

-- One row for each time that a sync was sent.
CREATE TABLE gitlab_namespaces_sync_attempts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespaces_sync_id bigint NOT NULL REFERENCES gitlab_namespaces_syncs,
  namespace_id bigint NOT NULL,         -- the sync's, for the index below
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('started', 'completed', 'partially_failed', 'failed', 'skipped')),
  try integer NOT NULL,                 -- counted from 1 since the sync was last asked to be sent
  retry_at timestamptz,                 -- a failed one: when the next try is due; NULL: there is none
  http_status integer,                  -- NULL: no answer
  response jsonb,                       -- the answer: status, message and payload
  error text,                           -- why it failed
  duration_ms integer,
  correlation_id text NOT NULL,         -- X-Request-Id
  workflow_id text,
  run_id text,
  run_url text,                         -- the run's page in the Temporal UI
  worker_id text NOT NULL               -- whose job it is or was
);
CREATE INDEX ON gitlab_namespaces_sync_attempts (namespaces_sync_id, id);
CREATE INDEX ON gitlab_namespaces_sync_attempts (namespace_id, id);
-- One at a time, whatever happens to the queue.
CREATE UNIQUE INDEX gitlab_namespaces_sync_attempts_running
  ON gitlab_namespaces_sync_attempts (namespace_id) WHERE state = 'started';
