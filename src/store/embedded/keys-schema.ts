/** Keys, and a number that grows with each change of them. */
export const KEYS_SCHEMA = `
CREATE TABLE access_keys (
  key_id TEXT PRIMARY KEY,
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  tenant TEXT NOT NULL,
  scopes TEXT NOT NULL CHECK (json_valid(scopes)),
  title TEXT NOT NULL CHECK (json_valid(title)),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO facts (name, value) VALUES ('keys_version', '0');
CREATE TRIGGER key_added AFTER INSERT ON access_keys BEGIN
  UPDATE facts SET value = (CAST(value AS INTEGER) + 1) || '' WHERE name = 'keys_version';
END;
CREATE TRIGGER key_revoked AFTER UPDATE OF revoked_at ON access_keys BEGIN
  UPDATE facts SET value = (CAST(value AS INTEGER) + 1) || '' WHERE name = 'keys_version';
END;
`;
