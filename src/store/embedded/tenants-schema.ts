/** Whose tasks, labels and uploads are; what is older is the tenant's `default`. */
export const TENANTS_SCHEMA = `
ALTER TABLE tasks ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
CREATE INDEX tasks_of_tenant ON tasks (tenant, status, task_id) WHERE film_id IS NULL;
DROP INDEX tasks_head;
CREATE INDEX tasks_head ON tasks (tenant, workflow, priority, due_at, task_id)
  WHERE status = 'pending' AND film_id IS NULL;

CREATE TABLE tenant_counts (
  tenant TEXT NOT NULL,
  status TEXT NOT NULL,
  task_count INTEGER NOT NULL,
  PRIMARY KEY (tenant, status)
) STRICT, WITHOUT ROWID;
INSERT INTO tenant_counts (tenant, status, task_count)
  SELECT 'default', status, task_count FROM counts;
DROP TRIGGER count_inserted;
DROP TRIGGER count_moved;
DROP TRIGGER count_deleted;
DROP TABLE counts;
ALTER TABLE tenant_counts RENAME TO counts;
CREATE TRIGGER count_inserted AFTER INSERT ON tasks WHEN NEW.film_id IS NULL BEGIN
  INSERT INTO counts (tenant, status, task_count) VALUES (NEW.tenant, NEW.status, 1)
    ON CONFLICT DO UPDATE SET task_count = task_count + 1;
END;
CREATE TRIGGER count_moved AFTER UPDATE OF status ON tasks
  WHEN OLD.status <> NEW.status AND NEW.film_id IS NULL BEGIN
  UPDATE counts SET task_count = task_count - 1 WHERE tenant = OLD.tenant AND status = OLD.status;
  INSERT INTO counts (tenant, status, task_count) VALUES (NEW.tenant, NEW.status, 1)
    ON CONFLICT DO UPDATE SET task_count = task_count + 1;
END;
CREATE TRIGGER count_deleted AFTER DELETE ON tasks
  WHEN OLD.status IN ('pending', 'processing') AND OLD.film_id IS NULL BEGIN
  UPDATE counts SET task_count = task_count - 1 WHERE tenant = OLD.tenant AND status = OLD.status;
END;

ALTER TABLE task_labels ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
CREATE INDEX task_labels_of_tenant ON task_labels (tenant, label, status, task_id);
-- Only of a task that was deleted; NULL: of the tenant 'default'.
ALTER TABLE task_changes ADD COLUMN tenant TEXT;

CREATE TABLE tenant_uploads (
  object_key TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenant_uploads_taken ON tenant_uploads (tenant, expires_at, size_bytes);
CREATE INDEX tenant_uploads_expired ON tenant_uploads (expires_at);
`;
