/** Shown in place of a query string. */
const HIDDEN = "?***";

/** A URL, either in quotes or up to the next white space. */
const URLS = /(?<=")(?:https?|upload):\/\/[^"]*(?=")|(?:https?|upload):\/\/[^\s"'<>]+/gi;

/** The id of an upload is a secret: anybody who knows it can use the upload. */
const UPLOAD_ID = /^(upload:\/\/)[^/]*/i;

/**
 * A URL without its possible secrets: credentials, fragment, query string and the id of an upload.
 * A query string is replaced by a mark, so that its presence stays visible.
 */
export function hideUrlSecrets(url: string): string {
  if (UPLOAD_ID.test(url)) return url.replace(UPLOAD_ID, "$1***");
  const end = url.search(/[?#]/);
  const base = end === -1 ? url : url.slice(0, end);
  const shown = base.replace(/^([a-z][a-z\d+.-]*:[\\/]*)[^\\/]*@/i, "$1");
  return url[end] === "?" ? shown + HIDDEN : shown;
}

/** {@link hideUrlSecrets} without the mark. */
export function withoutUrlSecrets(url: string): string {
  return hideUrlSecrets(url).replace(HIDDEN, "");
}

/** Applies {@link hideUrlSecrets} to every URL in a text. */
export function hideSecretsOfUrls(text: string): string {
  return text.replace(URLS, hideUrlSecrets);
}
