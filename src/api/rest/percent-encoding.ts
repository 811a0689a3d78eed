/**
 * Percent-encoding of path segments. Literals of a template and of a request are compared in one
 * canonical form; captured values are decoded as google.api.http says.
 */

/**
 * Writes a segment in its canonical form: everything but RFC 3986's unreserved characters escaped,
 * in upper case.
 *
 * @throws URIError for a bad escape.
 */
export function canonicalSegment(segment: string): string {
  return encodeURIComponent(decodeURIComponent(segment)).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Decodes what a variable captured. One segment is decoded wholly; in several, `%2F` stays as it
 * is, so that it is not taken for a border between segments.
 *
 * @throws URIError for a bad escape.
 */
export function decodeCapture(segments: readonly string[], isMulti: boolean): string {
  if (!isMulti) return segments.map(decodeURIComponent).join("/");
  return segments.map(decodeAllButSlash).join("/");
}

function decodeAllButSlash(segment: string): string {
  return segment.split(/%2f/i).map(decodeURIComponent).join("%2F");
}
