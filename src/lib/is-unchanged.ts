import type { IncomingHttpHeaders } from "node:http";
import fresh from "fresh";

/** The headers by which a client tells later whether a file is still the same. */
export interface Validators {
  /** Quoted. */
  readonly etag: string;
  /** An HTTP date: whole seconds. */
  readonly "last-modified": string;
}

/**
 * Whether a client has this very file already, which 304 answers: If-None-Match decides where it is given, else
 * If-Modified-Since (RFC 9110, 13.1.2 and 13.1.3).
 */
export function isUnchanged(request: IncomingHttpHeaders, file: Validators): boolean {
  // Without Cache-Control, which speaks to caches: `fetch` adds "no-cache" to conditions of the page's own.
  const conditions = {
    "if-none-match": request["if-none-match"],
    "if-modified-since": request["if-modified-since"],
  };
  return fresh(conditions, { ...file });
}
