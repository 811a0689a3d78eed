/**
 * Percent-encoding of path segments. Literals of a template and of a request are compared in one
 * canonical form. Captured values are decoded as google.api.http demands.
 */

/**
 * Writes a segment in its canonical form: all characters except RFC 3986's unreserved ones are
 * escaped, in upper case.
 *
 * @throws URIError for a bad escape.
 */
export function canonicalSegment(segment: string): string {
  if (UNRESERVED.test(segment)) return segment;
  return encodeURIComponent(decodeURIComponent(segment)).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const UNRESERVED = /^[\w.~-]*$/;

/**
 * Decodes the text that a variable captured. A single segment is decoded completely. In several
 * segments `%2F` stays as it is, so that it is not taken for a border between segments.
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
 * Makes a URL whose path can be decoded. A segment with a bad escape (no two digits after `%`, or
 * invalid UTF-8) is escaped again, so that it stands for its own text. Such a text never names
 * anything.
 */
export function withoutBadEscapes(url: string): string {
  if (!url.includes("%")) return url;
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
