import { parseUrl } from "../lib/parse-url.js";

const MAX_SHOWN_LENGTH = 200;

/**
 * A URL that may be shown. Credentials, query string, fragment and the id of an upload are removed,
 * since all can be secrets. The rest is cut to 200 characters.
 */
export function redactUrl(url: string): string {
  const parsed = parseUrl(url);
  if (parsed === undefined) return "(not a URL)";
  const { protocol, host, pathname } = parsed;
  const shown = `${protocol}//${protocol === "upload:" ? "***" : host}${pathname}`;
  return shown.length > MAX_SHOWN_LENGTH ? `${shown.slice(0, MAX_SHOWN_LENGTH)}...` : shown;
}
