-- Up Migration

-- Notification levels that are still to be reset in GitLab's CI database, where that is a database of its own.
CREATE TABLE provisioning.ci_resets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace_id bigint NOT NULL,
  month date NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  error text,                           -- why the last attempt failed: a condition's name or a network error's code
  created_at timestamptz NOT NULL,
  next_attempt_at timestamptz NOT NULL
);
CREATE INDEX ON provisioning.ci_resets (next_attempt_at);

-- Down Migration

DROP TABLE provisioning.ci_resets;
