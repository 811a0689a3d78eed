/**
 * Writes JSON so that the order of keys does not matter: equal values give equal text. Hashes of
 * this text are stored, so its format must never change. Keys that are whole numbers, such as node
 * ids, come first and in numeric order, as in JavaScript. RFC 8785 would order them as text, which
 * would change the version of every stored workflow.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner) ? sorted(inner) : inner,
  );
}

function sorted(fields: object): object {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}
