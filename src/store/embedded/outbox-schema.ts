/** What webhooks are still to be told, and what they were told: a row for each task. */
export const OUTBOX_SCHEMA = `
CREATE TABLE outbox (
  task_id TEXT PRIMARY KEY,
  -- These three only while an event waits: whom it is for, when it is tried and when it is given up.
  receiver TEXT,
  due_at INTEGER,
  expires_at INTEGER,
  is_leased INTEGER NOT NULL CHECK (is_leased IN (0, 1)),
  document TEXT NOT NULL CHECK (json_valid(document)),
  CHECK ((receiver IS NULL) = (due_at IS NULL) AND (receiver IS NULL) = (expires_at IS NULL))
) STRICT;
CREATE INDEX outbox_due ON outbox (receiver, due_at) WHERE receiver IS NOT NULL;
CREATE INDEX outbox_expires ON outbox (expires_at) WHERE receiver IS NOT NULL;
`;
