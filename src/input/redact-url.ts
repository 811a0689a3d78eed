const MAX_SHOWN_LENGTH = 200;

/**
 * A URL as it may be shown: without credentials, query string and fragment, which can all be
 * secrets, and cut to 200 characters.
 */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return "(not a URL)";
  const { protocol, host, pathname } = new URL(url);
  const shown = `${protocol}//${host}${pathname}`;
  return shown.length > MAX_SHOWN_LENGTH ? `${shown.slice(0, MAX_SHOWN_LENGTH)}...` : shown;
}
