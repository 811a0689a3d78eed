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

/**
 * A URL whose path can be decoded: a segment with a bad escape (no two digits after `%`, or no UTF-8)
 * stands for its own text, which names nothing.
 */
export function withoutBadEscapes(url: string): string {
  const queryStart = url.search(/[?#]/);
  const path = queryStart === -1 ? url : url.slice(0, queryStart);
  if (isDecodable(path)) return url;
  const segments = path
    .split("/")
    .map((segment) => (isDecodable(segment) ? segment : encodeURIComponent(segment)));
  return segments.join("/") + url.slice(path.length);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
