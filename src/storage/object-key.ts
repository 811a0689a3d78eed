/**
 * Whether a key names an object and nothing else in any storage: relative, without empty, hidden or
 * parent segments, backslashes and control characters.
 */
export function isSafeKey(key: string): boolean {
  return !/[\\\p{Cc}]/u.test(key) && key.split("/").every((part) => /^[^.]/.test(part));
}

/** A key as the path of a URL: each segment percent-encoded. */
export function encodeKey(key: string): string {
  return key.split("/").map(encodeURIComponent).join("/");
}
