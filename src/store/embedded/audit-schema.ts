/** Who did what; the ids grow with time. */
export const AUDIT_SCHEMA = `
CREATE TABLE audit (
  audit_id TEXT PRIMARY KEY CHECK (length(audit_id) = 32),
  document TEXT NOT NULL CHECK (json_valid(document))
) STRICT, WITHOUT ROWID;
`;
