import { randomUUID } from "node:crypto";
import { TaskError } from "../../domain/errors.js";
import { AUDIT_SCHEMA } from "./audit-schema.js";
import { CHANGE_LOG_SCHEMA, HISTORY_SCHEMA } from "./change-log-schema.js";
import type { EmbeddedDriver } from "./driver.js";
import { KEYS_SCHEMA } from "./keys-schema.js";
import { OUTBOX_SCHEMA } from "./outbox-schema.js";
import { TENANTS_SCHEMA } from "./tenants-schema.js";

/**
 * Brings a file to the schema of this version, in one transaction.
 *
 * @throws TaskError STORE_UNAVAILABLE for a file that a newer version of the service wrote.
 */
export function migrate(driver: EmbeddedDriver): void {
  const version = driver.get<{ user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
  if (version > MIGRATIONS.length) {
    throw new TaskError(
      "STORE_UNAVAILABLE",
      `Cannot open the store: its schema has version ${version}, this service knows versions up to ${MIGRATIONS.length}; start a newer service`,
    );
  }
  if (version === MIGRATIONS.length) return;
  driver.transaction(() => {
    for (const migration of MIGRATIONS.slice(version)) driver.exec(migration);
    driver.run("INSERT OR IGNORE INTO facts (name, value) VALUES ('store_id', ?)", randomUUID());
    driver.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}

/**
 * The schema's changes since the beginning. A released change is never edited; new ones are added.
 */
const MIGRATIONS: readonly string[] = [
  `
-- Times are milliseconds since 1970. What no query needs is in the document.
CREATE TABLE tasks (
  task_id TEXT PRIMARY KEY CHECK (length(task_id) = 32),
  rev INTEGER NOT NULL CHECK (rev > 0),
  epoch INTEGER NOT NULL CHECK (epoch >= 0),
  status TEXT NOT NULL
    CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'canceled')),
  priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 2),
  workflow TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  finished_at INTEGER,
  lease_owner TEXT,
  -- From when on another process may take it over: the end of its lease, or 0 for a canceled task
  -- that waits for its cleanup without a lease.
  orphan_at INTEGER,
  slot TEXT,
  idempotency_key TEXT,
  request_hash TEXT,
  document TEXT NOT NULL CHECK (json_valid(document)),
  CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'failed', 'canceled'))),
  CHECK ((idempotency_key IS NULL) = (request_hash IS NULL)),
  CHECK (
    CASE status
      WHEN 'pending' THEN lease_owner IS NULL AND orphan_at IS NULL
      WHEN 'processing' THEN lease_owner IS NOT NULL AND orphan_at IS NOT NULL
      WHEN 'canceled' THEN orphan_at IS NOT NULL OR (lease_owner IS NULL AND slot IS NULL)
      ELSE lease_owner IS NULL AND orphan_at IS NULL AND slot IS NULL
    END
  )
) STRICT;

CREATE UNIQUE INDEX tasks_slot ON tasks (slot) WHERE slot IS NOT NULL;
CREATE UNIQUE INDEX tasks_idempotency_key ON tasks (idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX tasks_status ON tasks (status, task_id);
CREATE INDEX tasks_head ON tasks (workflow, priority, due_at, task_id) WHERE status = 'pending';
CREATE INDEX tasks_due ON tasks (due_at) WHERE status = 'pending';
CREATE INDEX tasks_orphan ON tasks (orphan_at, task_id) WHERE orphan_at IS NOT NULL;
CREATE INDEX tasks_ended ON tasks (finished_at)
  WHERE finished_at IS NOT NULL AND orphan_at IS NULL;

-- The terminal ones count since the store was made: deleting a task does not lower them.
CREATE TABLE counts (status TEXT PRIMARY KEY, task_count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counts (status, task_count)
  VALUES ('pending', 0), ('processing', 0), ('completed', 0), ('failed', 0), ('canceled', 0);
CREATE TRIGGER count_inserted AFTER INSERT ON tasks BEGIN
  UPDATE counts SET task_count = task_count + 1 WHERE status = NEW.status;
END;
CREATE TRIGGER count_moved AFTER UPDATE OF status ON tasks WHEN OLD.status <> NEW.status BEGIN
  UPDATE counts SET task_count = task_count - 1 WHERE status = OLD.status;
  UPDATE counts SET task_count = task_count + 1 WHERE status = NEW.status;
END;
CREATE TRIGGER count_deleted AFTER DELETE ON tasks
  WHEN OLD.status IN ('pending', 'processing') BEGIN
  UPDATE counts SET task_count = task_count - 1 WHERE status = OLD.status;
END;

CREATE TABLE workflows (
  version TEXT PRIMARY KEY,
  content TEXT NOT NULL CHECK (json_valid(content))
) STRICT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`,
  `
CREATE TABLE learned_times (
  series TEXT NOT NULL,
  size_log2 INTEGER NOT NULL,
  longest_ms REAL,
  average_ms REAL,
  frame_pixels REAL,
  saved_at INTEGER NOT NULL,
  PRIMARY KEY (series, size_log2),
  CHECK ((average_ms IS NULL) = (frame_pixels IS NULL))
) STRICT;
CREATE INDEX learned_times_saved ON learned_times (saved_at);
`,
  `
-- A label is the JSON text of its key and value.
CREATE TABLE task_labels (
  label TEXT NOT NULL,
  task_id TEXT NOT NULL,
  status TEXT NOT NULL,
  PRIMARY KEY (label, task_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_labels_status ON task_labels (label, status, task_id);
CREATE INDEX task_labels_task ON task_labels (task_id);
CREATE TRIGGER labels_moved AFTER UPDATE OF status ON tasks WHEN OLD.status <> NEW.status BEGIN
  UPDATE task_labels SET status = NEW.status WHERE task_id = NEW.task_id;
END;
CREATE TRIGGER labels_deleted AFTER DELETE ON tasks BEGIN
  DELETE FROM task_labels WHERE task_id = OLD.task_id;
END;
`,
  `
-- Chunks of films are rows of their own. A film waits for them without a lease, and is an orphan when
-- all have completed, or when it has ended and is not cleaned up yet.
CREATE TABLE tasks_with_chunks (
  task_id TEXT PRIMARY KEY,
  -- Of a chunk, whose id begins with its film's.
  film_id TEXT GENERATED ALWAYS AS (
    CASE WHEN length(task_id) > 32 THEN substr(task_id, 1, 32) END
  ) VIRTUAL,
  rev INTEGER NOT NULL CHECK (rev > 0),
  epoch INTEGER NOT NULL CHECK (epoch >= 0),
  status TEXT NOT NULL
    CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'canceled')),
  priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 2),
  workflow TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  -- A chunk's place in the queue.
  turn_at INTEGER,
  finished_at INTEGER,
  lease_owner TEXT,
  -- From when on another process may take it over: the end of its lease, or 0 for an ended task that
  -- waits for its cleanup without a lease, or when a film that is to be joined is due.
  orphan_at INTEGER,
  slot TEXT,
  idempotency_key TEXT,
  request_hash TEXT,
  document TEXT NOT NULL CHECK (json_valid(document)),
  CHECK (length(task_id) = 32 OR task_id GLOB film_id || '-[0-9][0-9][0-9][0-9][0-9][0-9]'),
  CHECK ((film_id IS NULL) = (turn_at IS NULL)),
  CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'failed', 'canceled'))),
  CHECK ((idempotency_key IS NULL) = (request_hash IS NULL)),
  CHECK (
    CASE status
      WHEN 'pending' THEN lease_owner IS NULL AND orphan_at IS NULL
      WHEN 'processing' THEN
        CASE
          WHEN lease_owner IS NOT NULL THEN orphan_at IS NOT NULL
          ELSE slot IS NULL
            AND coalesce(json_extract(document, '$.film.phase'), '') IN ('render', 'join')
        END
      WHEN 'canceled' THEN orphan_at IS NOT NULL OR (lease_owner IS NULL AND slot IS NULL)
      ELSE slot IS NULL AND (orphan_at IS NOT NULL OR lease_owner IS NULL)
    END
  )
) STRICT;
INSERT INTO tasks_with_chunks (task_id, rev, epoch, status, priority, workflow, due_at, finished_at,
    lease_owner, orphan_at, slot, idempotency_key, request_hash, document)
  SELECT task_id, rev, epoch, status, priority, workflow, due_at, finished_at,
    lease_owner, orphan_at, slot, idempotency_key, request_hash, document FROM tasks;
DROP TABLE tasks;
ALTER TABLE tasks_with_chunks RENAME TO tasks;

CREATE UNIQUE INDEX tasks_slot ON tasks (slot) WHERE slot IS NOT NULL;
CREATE UNIQUE INDEX tasks_idempotency_key ON tasks (idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX tasks_listed ON tasks (task_id) WHERE film_id IS NULL;
CREATE INDEX tasks_status ON tasks (status, task_id) WHERE film_id IS NULL;
CREATE INDEX tasks_head ON tasks (workflow, priority, due_at, task_id)
  WHERE status = 'pending' AND film_id IS NULL;
CREATE INDEX tasks_due ON tasks (due_at) WHERE status = 'pending' AND film_id IS NULL;
CREATE INDEX tasks_orphan ON tasks (orphan_at, task_id) WHERE orphan_at IS NOT NULL;
CREATE INDEX tasks_ended ON tasks (finished_at)
  WHERE finished_at IS NOT NULL AND orphan_at IS NULL AND film_id IS NULL;
CREATE INDEX chunks_head ON tasks (workflow, priority, turn_at, task_id, due_at, film_id)
  WHERE status = 'pending' AND film_id IS NOT NULL;
CREATE INDEX chunks_due ON tasks (due_at) WHERE status = 'pending' AND film_id IS NOT NULL;
CREATE INDEX chunks_running ON tasks (film_id)
  WHERE film_id IS NOT NULL AND status = 'processing';
CREATE INDEX chunks_open ON tasks (film_id)
  WHERE film_id IS NOT NULL AND (finished_at IS NULL OR orphan_at IS NOT NULL);

CREATE TRIGGER count_inserted AFTER INSERT ON tasks WHEN NEW.film_id IS NULL BEGIN
  UPDATE counts SET task_count = task_count + 1 WHERE status = NEW.status;
END;
CREATE TRIGGER count_moved AFTER UPDATE OF status ON tasks
  WHEN OLD.status <> NEW.status AND NEW.film_id IS NULL BEGIN
  UPDATE counts SET task_count = task_count - 1 WHERE status = OLD.status;
  UPDATE counts SET task_count = task_count + 1 WHERE status = NEW.status;
END;
CREATE TRIGGER count_deleted AFTER DELETE ON tasks
  WHEN OLD.status IN ('pending', 'processing') AND OLD.film_id IS NULL BEGIN
  UPDATE counts SET task_count = task_count - 1 WHERE status = OLD.status;
END;
CREATE TRIGGER labels_moved AFTER UPDATE OF status ON tasks WHEN OLD.status <> NEW.status BEGIN
  UPDATE task_labels SET status = NEW.status WHERE task_id = NEW.task_id;
END;
CREATE TRIGGER labels_deleted AFTER DELETE ON tasks BEGIN
  DELETE FROM task_labels WHERE task_id = OLD.task_id;
END;
`,
  CHANGE_LOG_SCHEMA,
  HISTORY_SCHEMA,
  OUTBOX_SCHEMA,
  KEYS_SCHEMA,
  AUDIT_SCHEMA,
  TENANTS_SCHEMA,
];
