import type { IncomingHttpHeaders } from "node:http";
import fresh from "fresh";

/** The headers with which a client can ask later whether a file has changed. */
export interface Validators {
  /** In double quotes. */
  readonly etag: string;
  /** An HTTP date, in whole seconds. */
  readonly "last-modified": string;
}

/**
 * Whether the client already has this version of the file, so that 304 is the answer. If-None-Match
 * decides if it is given, otherwise If-Modified-Since (RFC 9110, 13.1.2 and 13.1.3).
 */
export function isUnchanged(request: IncomingHttpHeaders, file: Validators): boolean {
  // Cache-Control is left out, since it is for caches: `fetch` adds "no-cache" to a request with
  // conditions.
  const conditions = {
    "if-none-match": request["if-none-match"],
    "if-modified-since": request["if-modified-since"],
  };
  return fresh(conditions, { ...file });
}
