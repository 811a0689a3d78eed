/** What is shown instead of a query string. */
const HIDDEN = "?***";

/** A URL, quoted or up to the next white space. */
const URLS = /(?<=")(?:https?|upload):\/\/[^"]*(?=")|(?:https?|upload):\/\/[^\s"'<>]+/gi;

/** Whoever knows the id of an upload can use it. */
const UPLOAD_ID = /^(upload:\/\/)[^/]*/i;

/**
 * A URL without credentials, fragment, query string and the id of an upload, which can be secrets;
 * that there is a query string shows.
 */
export function hideUrlSecrets(url: string): string {
  if (UPLOAD_ID.test(url)) return url.replace(UPLOAD_ID, "$1***");
  const end = url.search(/[?#]/);
  const base = end === -1 ? url : url.slice(0, end);
  const shown = base.replace(/^([a-z][a-z\d+.-]*:[\\/]*)[^\\/]*@/i, "$1");
  return url[end] === "?" ? shown + HIDDEN : shown;
}

/** A text with {@link hideUrlSecrets} applied to every URL in it. */
export function hideSecretsOfUrls(text: string): string {
  return text.replace(URLS, hideUrlSecrets);
}
