/** What was in the last hour, a row for each minute and process. */
export const HISTORY_SCHEMA = `
CREATE TABLE history (
  minute_ms INTEGER NOT NULL,
  owner TEXT NOT NULL,
  document TEXT NOT NULL CHECK (json_valid(document)),
  PRIMARY KEY (minute_ms, owner)
) STRICT, WITHOUT ROWID;
`;

/** The log of changes: of each task that changed, where its last change stands. */
export const CHANGE_LOG_SCHEMA = `
CREATE TABLE task_changes (
  -- Grows with every change and is never used twice.
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id TEXT NOT NULL UNIQUE,
  -- The last position before its task was created; NULL for one that is older than this table.
  created_after INTEGER,
  -- These only of a task that was deleted.
  deleted_at INTEGER,
  status TEXT,
  labels TEXT
) STRICT;
CREATE INDEX task_changes_deleted ON task_changes (deleted_at) WHERE deleted_at IS NOT NULL;
-- Chunks of films have longer ids; nobody follows them.
CREATE TRIGGER change_created AFTER INSERT ON tasks WHEN length(NEW.task_id) = 32 BEGIN
  INSERT INTO task_changes (task_id, created_after)
    VALUES (NEW.task_id, COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'task_changes'), 0));
END;
CREATE TRIGGER change_made AFTER UPDATE OF rev ON tasks
  WHEN OLD.rev <> NEW.rev AND length(NEW.task_id) = 32 BEGIN
  INSERT OR REPLACE INTO task_changes (task_id, created_after)
    VALUES (NEW.task_id, (SELECT created_after FROM task_changes WHERE task_id = NEW.task_id));
END;
-- Up to which position deleted tasks were forgotten.
INSERT INTO facts (name, value) VALUES ('changes_forgotten', '0');
`;
