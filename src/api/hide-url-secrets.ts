/** What is shown instead of a query string. */
const HIDDEN = "?***";

/** A URL, quoted or up to the next white space. */
const URLS = /(?<=")https?:\/\/[^"]*(?=")|https?:\/\/[^\s"'<>]+/gi;

/** A URL without credentials, fragment and query string, which can be secrets; that there is a query string shows. */
export function hideUrlSecrets(url: string): string {
  const end = url.search(/[?#]/);
  const base = end === -1 ? url : url.slice(0, end);
  const shown = base.replace(/^([a-z][a-z\d+.-]*:[\\/]*)[^\\/]*@/i, "$1");
  return url[end] === "?" ? shown + HIDDEN : shown;
}

/** A text with {@link hideUrlSecrets} applied to every URL in it. */
export function hideSecretsOfUrls(text: string): string {
  return text.replace(URLS, hideUrlSecrets);
}
