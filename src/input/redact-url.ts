const MAX_SHOWN_LENGTH = 200;

/**
 * A URL as it may be shown: without credentials, query string, fragment and the id of an upload,
 * which can all be secrets, and cut to 200 characters.
 */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return "(not a URL)";
  const { protocol, host, pathname } = new URL(url);
  const shown = `${protocol}//${protocol === "upload:" ? "***" : host}${pathname}`;
  return shown.length > MAX_SHOWN_LENGTH ? `${shown.slice(0, MAX_SHOWN_LENGTH)}...` : shown;
}
