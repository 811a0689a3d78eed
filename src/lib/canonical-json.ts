/**
 * The same text for the same JSON, whatever the order of its keys. Hashes of it are stored, so it never changes: keys that
 * are whole numbers, such as node ids, come first and by value, as JavaScript has them. RFC 8785 orders them as text and
 * would give every stored workflow another version.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner) ? sorted(inner) : inner,
  );
}

function sorted(fields: object): object {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}
