/**
 * Whether a key is safe in every storage: it is relative and has no empty, hidden or parent
 * segments, no backslashes and no control characters.
 */
export function isSafeKey(key: string): boolean {
  return !/[\\\p{Cc}]/u.test(key) && key.split("/").every((part) => /^[^.]/.test(part));
}

/** A key as the path of a URL. Each segment is percent-encoded. */
export function encodeKey(key: string): string {
  return key.split("/").map(encodeURIComponent).join("/");
}
